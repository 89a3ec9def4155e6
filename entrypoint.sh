#!/bin/sh
# The image's entry point, also of its healthcheck: chooses the folder for results, then runs egoclean-stream.
set -eu

DEMO_CLIP=/opt/venv/share/egoclean-stream/demo.mp4

can_fill() { # whether the directory $1 is writable or can be created
    [ -w "$1" ] || { [ ! -e "$1" ] && [ -w "$(dirname "$1")" ]; }
}

is_mounted_read_only() { # whether the directory $1 is a mount that nobody can write to
    while read -r _ place _ options _; do
        [ "$place" != "$1" ] || case ",$options," in *,ro,*) return 0 ;; esac
    done </proc/mounts
    return 1
}

names_out() { # whether one of the arguments is --out or -o
    for word; do case "$word" in --out | --out=* | -o*) return 0 ;; esac done
    return 1
}

[ "${1:-}" != egoclean-stream ] || shift

if [ -z "${EGOCLEAN_OUT:-}" ] && ! names_out "$@" && ! can_fill runs; then
    EGOCLEAN_OUT=/tmp/runs
    ! can_fill /run/egoclean/runs || EGOCLEAN_OUT=/run/egoclean/runs
    export EGOCLEAN_OUT
    case "${1:---help}" in
        -h | --help | --version) ;;
        rectify | check-rectify | annotate | bench | tail | health | doctor | models | detect | eval) ;;
        analyze | show | report | serve | export | align | calibrate | completion) ;;
        *) # run, demo, or a clip
            if is_mounted_read_only "$PWD"; then
                echo "egoclean-stream: results cannot be written to $PWD/runs, as the folder is mounted read-only:" \
                    "mount it without :ro, or choose another folder with --env EGOCLEAN_OUT=FOLDER" >&2
                exit 2
            fi
            if mountpoint -q "$PWD"; then
                echo "egoclean-stream: user $(id -u) cannot write to $PWD/runs, in the mounted folder: add" \
                    "--user \"\$(id -u):\$(id -g)\", or choose another folder with --env EGOCLEAN_OUT=FOLDER" >&2
                exit 2
            fi
            echo "egoclean-stream: user $(id -u) cannot write to $PWD/runs: results go to $EGOCLEAN_OUT inside the" \
                "container; to keep them, mount a folder at $PWD and add --user \"\$(id -u):\$(id -g)\"" >&2
            ;;
    esac
fi

# The demo clip was rendered when the image was built.
[ "$*" != demo ] || set -- run "$DEMO_CLIP" --encoder grid --overwrite

exec egoclean-stream "$@"
