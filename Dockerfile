# docker build -t egoclean-stream .                   the image with V-JEPA 2, for a GPU
# docker build --target cpu -t egoclean-stream:cpu .  without torch, a tenth of the size
#
# Every Python package comes from a lock file with hashes (docker/lock.sh writes them). Behind a proxy with its own
# certificate: --secret id=ca_bundle,src=FILE; it is seen by pip alone and stays in no layer. Another base, such as a
# digest that you have checked: --build-arg BASE=python@sha256:...

ARG BASE=python:3.11.14-slim-bookworm
FROM $BASE AS base
# Pinned to upstream's version: Debian keeps only its newest rebuild of it on the mirrors.
RUN apt-get update \
    && apt-get install -y --no-install-recommends 'tini=0.19.*' \
    && rm -rf /var/lib/apt/lists/*


# ---- dependencies: the large layers, which change with the lock files alone

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


# ---- the application: a tree of its own, laid over the environment at the end

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


# ---- the bill of materials: what the lock files name, with hashes, as CycloneDX

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


# ---- what is run

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
# Any user may write here, where the root file system may be written at all; /weights holds the hub's cache, and ours.
RUN install -d -m 1777 /run/egoclean /weights
WORKDIR /data
USER 1000:1000
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "--", "entrypoint.sh"]
CMD ["--help"]
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=3 CMD ["entrypoint.sh", "health", "--since-start"]
LABEL org.opencontainers.image.title="egoclean-stream" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="docker.io/library/python:3.11.14-slim-bookworm"

FROM runtime AS cpu
ENV EGOCLEAN_ENCODER=grid \
    EGOCLEAN_IMAGE=cpu
LABEL org.opencontainers.image.description="First-person video into segmented records while it plays; no torch, encoder grid (no learned weights)"
COPY --from=venv-cpu /opt/venv /opt/venv
COPY --from=app /app /opt/venv
COPY --from=sbom /sbom/cpu.json /opt/venv/share/egoclean-stream/sbom.json
ARG REVISION=unknown
LABEL org.opencontainers.image.revision=$REVISION

FROM runtime AS gpu
LABEL org.opencontainers.image.description="First-person video into segmented records while it plays; V-JEPA 2 on a GPU"
ENV EGOCLEAN_IMAGE=gpu
COPY --from=venv-gpu /opt/venv /opt/venv
COPY --from=app /app /opt/venv
COPY --from=sbom /sbom/gpu.json /opt/venv/share/egoclean-stream/sbom.json
ARG REVISION=unknown
LABEL org.opencontainers.image.revision=$REVISION
