"""One run, one directory: locking it, and deciding whether an earlier run in it is resumed."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import psutil

from stream.errors import DamagedError, NoRoomError, UsageError, exit_code_of, sentence_of
from stream.records.schema.layout import RunLayout
from stream.records.schema.manifest import Manifest, read_manifest, require_grouped_options
from stream.records.schema.options import by_path
from stream.records.store.attempt import read_attempt

LOCK_WAIT_S: Final = 5.0
"""The processes of a killed supervisor notice it and exit, and hold the directory until then."""
_POLL_S: Final = 0.05


class RunLock:
    """An exclusive lock on a run directory, held until ``release`` or the end of the process.

    Processes that are given ``fd`` hold it, too: it is free when the last of them has closed it.
    """

    def __init__(self, layout: RunLayout, wait_s: float = LOCK_WAIT_S) -> None:
        """Create the directory and lock it, waiting up to ``wait_s`` for the processes that hold it.

        Raises:
            UsageError: the directory cannot be created or written, or another run is writing to it.
            NoRoomError: the disk is full.
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
        while not self._acquires():
            if time.monotonic() > until:
                os.close(self.fd)
                raise UsageError(f"another run is writing to {layout.root}: wait for it, or give another --out")
            time.sleep(_POLL_S)

    def release(self) -> None:
        """Release the lock, as far as this process holds it."""
        os.close(self.fd)

    def _acquires(self) -> bool:
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def earlier_run(
    layout: RunLayout, requested: Manifest, identity: Mapping[str, object], sha256: Callable[[], str | None]
) -> Manifest | None:
    """The earlier run in the directory, if it is the requested one: of the same source, with the same options.

    A clip and a calibration are identified by their content, not by their path.

    Args:
        layout: Of the run.
        requested: The manifest with which a new run would begin.
        identity: The options that decide what is recorded: their paths, each with its default. The default counts
            for a run of an earlier version, which did not have the option.
        sha256: Of the clip; only called if the file was modified since, and the hash of the earlier run is known.

    Raises:
        UsageError: the directory holds a run of an earlier version, or another run; the message names the differences.
    """
    if not layout.events.exists() or not layout.manifest.exists():
        return None
    manifest = read_manifest(layout.manifest)
    require_grouped_options(manifest, layout.root, "choose another --out, or start over with --overwrite")
    before, now = _identity(manifest, identity), _identity(requested, identity)
    if before == now and manifest.source.sha256 and manifest.source.mtime_ns != requested.source.mtime_ns:
        before["sha256"], now["sha256"] = manifest.source.sha256, sha256()
    differing = sorted(name for name in now if before.get(name) != now[name])
    if differing:
        changes = ", ".join(f"{name}: {_short(before.get(name))} then, {_short(now[name])} now" for name in differing)
        raise UsageError(
            f"{layout.root} holds another run ({changes}): "
            "use the same options, choose another --out, or discard that run with --overwrite"
        )
    return manifest


def _identity(manifest: Manifest, defaults: Mapping[str, object]) -> dict[str, Any]:
    """Everything that decides what is recorded, by name."""
    by_content = {"lens.intrinsics"} | ({"source"} if manifest.source.edges_sha256 else set())
    lens = manifest.model_dump(mode="json")["intrinsics"] or {}
    return {
        **{
            path: default if (value := by_path(manifest.options, path)) is None else value
            for path, default in defaults.items()
            if path not in by_content
        },
        **{f"intrinsics {name}": value for name, value in lens.items()},
        "size_bytes": manifest.source.size_bytes,
        "edges_sha256": manifest.source.edges_sha256,
    }


def clear(layout: RunLayout) -> None:
    """Remove the files of an earlier run and nothing else; the numbering of attempts continues if it can be read."""
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


_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "beegfs", "davfs"}
_NETWORK_FUSE = {"fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse", "fuse.ceph", "fuse.glusterfs", "fuse.davfs2"}
NETWORK_ADVICE = "locks and fsync may be slow or unreliable there: a local disk is safer"


def file_system(path: Path, mounts: Mapping[Path, str] | None = None) -> str:
    """The file system type of an existing path; ``mounts`` maps mount points to types (default: the system's)."""
    real = path.resolve()
    mounts = _mounts() if mounts is None else mounts
    return next((mounts[place] for place in (real, *real.parents) if place in mounts), "an unknown file system")


def is_network(kind: str) -> bool:
    """Whether file systems of this type are on another machine."""
    return kind in _NETWORK | _NETWORK_FUSE


def _mounts() -> dict[Path, str]:
    return {Path(mount.mountpoint): mount.fstype for mount in psutil.disk_partitions(all=True)}
