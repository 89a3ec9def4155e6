#!/usr/bin/env bash
# make test-image: builds the CPU image and uses it as users do. If a container kit is beside the checkout
# (../shared/container: an engine, base images, a black-box contract), it builds and checks the image; otherwise docker
# does.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
kit=$root/../shared/container
real=$root/../shared/data/egocentric100k_like/factory001/worker001
image=egoclean-stream:cpu
user=$(id -u):$(id -g)
[ "$user" != 0:0 ] || user=4321:4321 # root may write anywhere, which would prove nothing
work=$(mktemp -d)
tight=(--read-only --tmpfs /tmp --network none --cap-drop ALL --security-opt no-new-privileges
    --volume "$work/data:/clips:ro")
started=

finish() {
    if [ -n "$started" ]; then kill "$(cat "$CTR_HOME/dockerd.pid")"; fi
    rm -rf "$work"
}
trap finish EXIT

build() {
    local options
    options="--target cpu --build-arg REVISION=$(git -C "$root" rev-parse HEAD)"
    if [ ! -d "$kit" ]; then
        # shellcheck disable=SC2086  # split on purpose
        docker build $options --tag "$image" "$root"
        return
    fi
    export CTR_HOME=${CTR_HOME:-/tmp/egoclean-image}
    export DOCKER_HOST=unix://$CTR_HOME/docker.sock
    docker version >/dev/null 2>&1 || started=yes
    KEEP=1 IMAGE=$image BUILD_ARGS=$options "$kit/build_and_run.sh" "$root" -- --version
}

# Uses a real clip if there is one, otherwise the demo clip from the image.
lay_out_clip() {
    mkdir "$work/data"
    if [ -d "$real" ]; then
        tar -xOf "$real/part000.tar" factory_001_worker_001_0001.mp4 >"$work/data/clip.mp4"
        cp "$real/intrinsics.json" "$work/data"
    else
        in_image sh -c 'tar -C /opt/venv/share/egoclean-stream -c .' | tar -C "$work/data" -x
        mv "$work/data/demo.mp4" "$work/data/clip.mp4"
    fi
    chmod -R a+rX "$work"
    chown -R "$user" "$work/data"
}

in_image() { docker run --rm --entrypoint "$1" "$image" "${@:2}"; }

egoclean() { docker run --rm --user "$user" --volume "$work/data:/data" "$image" "$@"; }

within_60_s() { # waits until the command succeeds; on timeout, prints the container's log
    local end=$((SECONDS + 60))
    until "$@"; do
        if [ "$SECONDS" -ge "$end" ]; then
            docker logs "$container" >&2
            return 1
        fi
        sleep 0.2
    done
}

is_healthy() { # whether the healthcheck has reported a running run as healthy
    [[ $(docker inspect --format '{{json .State.Health}}' "$container") == *'"Status":"healthy"'*': running, '* ]]
}

ends_with_143() {
    docker stop --time 10 "$container" >/dev/null
    test "$(docker inspect --format '{{.State.ExitCode}}' "$container")" = 143
    docker rm "$container" >/dev/null
}

say() { printf '\n== %s\n' "$*"; }

say "build $image"
build
lay_out_clip

say "the demo, with nothing mounted"
docker run --rm "$image" demo

say "the main job in a mounted folder; then tail, with the program name given explicitly"
egoclean clip.mp4
test -s "$work/data/runs/clip/run.json"
egoclean egoclean-stream tail runs/clip >"$work/events.jsonl"
cmp "$work/events.jsonl" "$work/data/runs/clip/events.jsonl"

say "bench with a read-only root and no network"
docker run --rm --read-only --tmpfs /tmp --network none --cap-drop ALL "$image" bench --seconds 10

say "the main job with all restrictions: read-only root, any user, no capabilities, no network"
docker run --rm "${tight[@]}" --user 7654:7654 "$image" /clips/clip.mp4

say "a mounted folder that cannot be written to is refused"
code=0
docker run --rm --volume "$work/data:/data:ro" "$image" clip.mp4 || code=$?
test "$code" = 2

say "no build secret is left in the image"
in_image sh -c '! ls /run/secrets/* /root/.netrc /root/.config/pip/pip.conf /etc/pip.conf 2>/dev/null | grep .'

say "without a network, models list works and models fetch exits with 5"
docker run --rm --network none "$image" models list
code=0
docker run --rm --network none "$image" models fetch --encoder vjepa2 || code=$?
test "$code" = 5

say "the bill of materials lists every package of the image, with a hash"
docker run --rm --interactive --entrypoint python "$image" - <"$root/docker/check_sbom.py"

say "the container becomes healthy, and SIGTERM shuts it down cleanly with 143"
container=$(docker run --detach --user "$user" --volume "$work/data:/data" --env EGOCLEAN_OUT=/data/soak \
    "$image" clip.mp4 --loop)
within_60_s test -s "$work/data/soak/clip/clip_ts.npy"
within_60_s is_healthy
ends_with_143

say "SIGTERM during start-up shuts it down, too"
container=$(docker run --detach "${tight[@]}" "$image" /clips/clip.mp4 --loop)
ends_with_143

if docker compose version >/dev/null 2>&1; then
    say "the compose files are valid"
    docker compose --file "$root/docker/compose.yaml" config --quiet
    docker compose --file "$root/docker/compose.yaml" --file "$root/docker/compose.vllm.yaml" config --quiet
fi

if [ -d "$kit" ]; then
    say "the contract"
    LOOP="--loop --encoder grid --annotator none" "$kit/contract.sh" "$image" "$work/data" clip.mp4
fi
