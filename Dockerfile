# docker build -t egoclean-stream .                   GPU image, with V-JEPA 2
# docker build --target cpu -t egoclean-stream:cpu .  CPU image, without torch, a tenth of the size
#
# Every Python package comes from a lock file with hashes (written by docker/lock.sh). Behind a proxy with its own
# certificate, use --secret id=ca_bundle,src=FILE: only pip sees it, and no layer keeps it. For another base image, such
# as a digest that you have verified, use --build-arg BASE=python@sha256:...

ARG BASE=python:3.11.14-slim-bookworm
FROM $BASE AS base
# Pinned to the upstream version only: the mirrors keep just Debian's newest rebuild of it.
RUN apt-get update \
    && apt-get install -y --no-install-recommends 'tini=0.19.*' \
    && rm -rf /var/lib/apt/lists/*


# ---- dependencies: the large layers, which change only with the lock files

FROM base AS venv-cpu
RUN --mount=type=bind,source=docker/requirements-cpu.lock,target=/requirements.lock \
    --mount=type=secret,id=ca_bundle \
    if [ -s /run/secrets/ca_bundle ]; then export PIP_CERT=/run/secrets/ca_bundle; fi \
    && python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --require-hashes --only-binary :all: \
        -r /requirements.lock

FROM venv-cpu AS venv-gpu
RUN --mount=type=bind,source=docker/requirements-gpu.lock,target=/requirements.lock \
    --mount=type=secret,id=ca_bundle \
    if [ -s /run/secrets/ca_bundle ]; then export PIP_CERT=/run/secrets/ca_bundle; fi \
    && pip --python /opt/venv/bin/python install --no-cache-dir --require-hashes --only-binary :all: \
        -r /requirements.lock


# ---- the application: a separate tree, copied over the environment at the end

FROM venv-cpu AS builder
RUN --mount=type=bind,source=docker/requirements-build.lock,target=/requirements.lock \
    --mount=type=secret,id=ca_bundle \
    if [ -s /run/secrets/ca_bundle ]; then export PIP_CERT=/run/secrets/ca_bundle; fi \
    && python -m venv /build \
    && /build/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r /requirements.lock

FROM builder AS app
WORKDIR /src
COPY . .
ARG REVISION=unknown
RUN if [ "$REVISION" != unknown ]; then echo "$REVISION" > stream/COMMIT; fi \
    && /build/bin/pip wheel --no-cache-dir --no-index --no-deps --no-build-isolation --wheel-dir /wheels . \
    && pip --python /opt/venv/bin/python install --no-cache-dir --no-index --no-deps --prefix /app /wheels/*.whl \
    && install -D -m 755 entrypoint.sh /app/bin/entrypoint.sh
WORKDIR /app/share/egoclean-stream
RUN PYTHONPATH=/app/lib/python3.11/site-packages /opt/venv/bin/python -c \
    "from pathlib import Path; from stream.demo.render import render_demo; render_demo(Path('demo.mp4'))"


# ---- the bill of materials (CycloneDX): the packages of the lock files, with hashes

FROM base AS sbom
RUN --mount=type=bind,source=docker/requirements-sbom.lock,target=/requirements.lock \
    --mount=type=secret,id=ca_bundle \
    if [ -s /run/secrets/ca_bundle ]; then export PIP_CERT=/run/secrets/ca_bundle; fi \
    && python -m venv /tool \
    && /tool/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r /requirements.lock
WORKDIR /sbom
COPY docker/requirements-cpu.lock docker/requirements-gpu.lock pyproject.toml ./
RUN for target in cpu gpu; do \
        /tool/bin/cyclonedx-py requirements "requirements-$target.lock" --pyproject pyproject.toml \
            --output-reproducible --output-file "$target.json" || exit; \
    done


# ---- the runtime images

FROM base AS runtime
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    HF_HOME=/weights \
    XDG_CACHE_HOME=/weights/cache \
    MPLCONFIGDIR=/tmp/matplotlib \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility,video
# Writable by any user, unless the root file system is read-only. /weights holds the Hugging Face cache, and our own.
RUN install -d -m 1777 /run/egoclean /weights
WORKDIR /data
USER 1000:1000
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "--", "entrypoint.sh"]
CMD ["--help"]
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=3 CMD ["entrypoint.sh", "health", "--since-start"]
LABEL org.opencontainers.image.title="egoclean-stream" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0 AND MIT" \
      org.opencontainers.image.base.name="docker.io/library/python:3.11.14-slim-bookworm"

FROM runtime AS cpu
ENV EGOCLEAN_ENCODER=grid \
    EGOCLEAN_IMAGE=cpu
LABEL org.opencontainers.image.description="Segments first-person video while it plays; encoder grid (no learned weights), without torch"
COPY --from=venv-cpu /opt/venv /opt/venv
COPY --from=app /app /opt/venv
COPY --from=sbom /sbom/cpu.json /opt/venv/share/egoclean-stream/sbom.json
ARG REVISION=unknown
LABEL org.opencontainers.image.revision=$REVISION

FROM runtime AS gpu
LABEL org.opencontainers.image.description="Segments first-person video while it plays; V-JEPA 2 on a GPU"
ENV EGOCLEAN_IMAGE=gpu
COPY --from=venv-gpu /opt/venv /opt/venv
COPY --from=app /app /opt/venv
COPY --from=sbom /sbom/gpu.json /opt/venv/share/egoclean-stream/sbom.json
ARG REVISION=unknown
LABEL org.opencontainers.image.revision=$REVISION
