#!/bin/sh
# Writes the lock files: with the exact versions of the image, and the SHA-256 of every file; of "make" and CI
# (requirements-dev.lock); and with the lowest versions that pyproject.toml allows, for "make test-lowest"
# (requirements-lowest.lock). The last two are constraints files, hence without hashes. Run it after changing
# dependencies in pyproject.toml. It keeps locked versions that are still in their range: to upgrade, remove the file
# first. It needs uv (pip install uv==0.13.8), reads the index's metadata and installs nothing.
set -eu
cd "$(dirname "$0")/.."

lock() { # lock NAME [ARGUMENT OF uv pip compile ...]
    name=$1
    shift
    uv pip compile --quiet --no-config --generate-hashes \
        --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
        --custom-compile-command docker/lock.sh --output-file "docker/requirements-$name.lock" "$@"
}

both="--extra plots --extra export --extra hdf5 --extra align --extra zarr --extra openai --extra http --extra s3 --extra gs"
# shellcheck disable=SC2086  # split on purpose
lock cpu pyproject.toml $both --extra hub
# shellcheck disable=SC2086
lock gpu pyproject.toml $both --extra qwen --extra onnx-gpu --constraint docker/requirements-cpu.lock
lock dev pyproject.toml --no-generate-hashes --extra dev --constraint docker/requirements-gpu.lock
lock lowest pyproject.toml --no-generate-hashes --extra test --resolution lowest-direct --upgrade
sed -n 's/^requires = \["\(setuptools>=.*\)"\]$/\1/p' pyproject.toml | lock build -
echo cyclonedx-bom==7.5.0 | lock sbom -
