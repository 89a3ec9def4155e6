"""One run, one directory: claiming it, and what to do with an earlier run that lies there."""

import fcntl
import json
import os
from typing import Any

from stream.errors import DamagedError, NoRoomError, UsageError, exit_code_of, sentence_of
from stream.records.attempt import read_attempt
from stream.records.layout import RunLayout
from stream.records.manifest import Manifest, read_manifest


class Claim:
    """An exclusive hold on a run directory, kept until ``release`` or the process's end."""

    def __init__(self, layout: RunLayout) -> None:
        """Make the directory and lock it.

        Raises:
            UsageError: if it cannot be made or written, or another run writes there.
        """
        try:
            layout.root.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(layout.lock, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            if exit_code_of(error) == NoRoomError.exit_code:
                raise NoRoomError(sentence_of(error)) from error
            raise UsageError(
                f"the run directory {layout.root} cannot be written ({error.strerror}): "
                "give another one with --out, or mount it writable"
            ) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._fd)
            raise UsageError(f"another run is writing to {layout.root}: wait for it, or give another --out") from error

    def release(self) -> None:
        """Let others have it."""
        os.close(self._fd)


def earlier_run(layout: RunLayout, deciding: dict[str, Any], size_bytes: int | None) -> Manifest | None:
    """The run that lies here, if it is the same: of the same source, with the same deciding options.

    Raises:
        UsageError: if another run lies here; the message names what differs.
    """
    if not layout.events.exists() or not layout.manifest.exists():
        return None
    manifest = read_manifest(layout.manifest)
    before = {**manifest.options, "size_bytes": manifest.source.size_bytes}
    now = {**deciding, "size_bytes": size_bytes}
    differing = sorted(name for name in now if before.get(name) != now[name])
    if differing:
        changes = ", ".join(f"{name}: {_short(before.get(name))} then, {_short(now[name])} now" for name in differing)
        raise UsageError(
            f"{layout.root} holds another run ({changes}): "
            "use the same options, give another --out, or begin anew with --restart"
        )
    return manifest


def clear(layout: RunLayout) -> None:
    """Remove what an earlier run has made here, and nothing else; attempts are counted on, where they can be."""
    for path in layout.owned():
        path.unlink()
    try:
        read_attempt(layout.attempt)
    except DamagedError:
        layout.attempt.unlink()
    for directory in (layout.keyframes, layout.logs):
        directory.mkdir(exist_ok=True)


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
