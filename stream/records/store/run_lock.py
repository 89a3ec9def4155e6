"""One run, one directory: claiming it, and what to do with an earlier run that lies there."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Collection
from typing import Any, Final

from stream.errors import DamagedError, NoRoomError, UsageError, exit_code_of, sentence_of
from stream.records.schema.layout import RunLayout
from stream.records.schema.manifest import Manifest, read_manifest
from stream.records.schema.options import by_path
from stream.records.store.attempt import read_attempt

CLAIM_WAIT_S: Final = 5.0
"""For the processes of a supervisor that was killed: they see it and go, and until then the directory is theirs."""
_LOOK_S: Final = 0.05


class RunLock:
    """An exclusive hold on a run directory, kept until ``release`` or the process's end.

    Processes that inherit ``fd`` hold it, too: it is free when the last of them has gone.
    """

    def __init__(self, layout: RunLayout, wait_s: float = CLAIM_WAIT_S) -> None:
        """Make the directory and lock it, waiting up to ``wait_s`` for those who have it.

        Raises:
            UsageError: if it cannot be made or written, or another run writes there.
        """
        self.layout = layout
        try:
            layout.root.mkdir(parents=True, exist_ok=True)
            self.fd = os.open(layout.lock, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            if exit_code_of(error) == NoRoomError.exit_code:
                raise NoRoomError(sentence_of(error)) from error
            raise UsageError(
                f"the run directory {layout.root} cannot be written ({error.strerror}): "
                "give another one with --out, or mount it writable"
            ) from error
        until = time.monotonic() + wait_s
        while not self._is_mine():
            if time.monotonic() > until:
                os.close(self.fd)
                raise UsageError(f"another run is writing to {layout.root}: wait for it, or give another --out")
            time.sleep(_LOOK_S)

    def release(self) -> None:
        """Let others have it, as far as this process is concerned."""
        os.close(self.fd)

    def _is_mine(self) -> bool:
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def earlier_run(
    layout: RunLayout, asked: Manifest, identity: Collection[str], sha256: Callable[[], str | None]
) -> Manifest | None:
    """The run that lies here, if it is the one that is asked for: of the same source, with the same options.

    A clip and a calibration are told by what is in them, not by where they lie.

    Args:
        layout: Of the run.
        asked: What a new run would begin with.
        identity: Paths of the options that decide what is recorded.
        sha256: Of the clip; it is asked for only where the file has been touched since, and its hash is known.

    Raises:
        UsageError: if another run lies here; the message names what differs.
    """
    if not layout.events.exists() or not layout.manifest.exists():
        return None
    manifest = read_manifest(layout.manifest)
    before, now = _identity(manifest, identity), _identity(asked, identity)
    if before == now and manifest.source.sha256 and manifest.source.mtime_ns != asked.source.mtime_ns:
        before["sha256"], now["sha256"] = manifest.source.sha256, sha256()
    differing = sorted(name for name in now if before.get(name) != now[name])
    if differing:
        changes = ", ".join(f"{name}: {_short(before.get(name))} then, {_short(now[name])} now" for name in differing)
        raise UsageError(
            f"{layout.root} holds another run ({changes}): "
            "use the same options, choose another --out, or discard that run with --overwrite"
        )
    return manifest


def _identity(manifest: Manifest, paths: Collection[str]) -> dict[str, Any]:
    """All that decides what is recorded, by name."""
    by_content = {"lens.intrinsics"} | ({"source"} if manifest.source.edges_sha256 else set())
    lens = manifest.model_dump(mode="json")["intrinsics"] or {}
    return {
        **{path: by_path(manifest.options, path) for path in paths if path not in by_content},
        **{f"intrinsics {name}": value for name, value in lens.items()},
        "size_bytes": manifest.source.size_bytes,
        "edges_sha256": manifest.source.edges_sha256,
    }


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
