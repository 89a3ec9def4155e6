"""The type of the file system of a path, as far as a run needs to know it."""

from collections.abc import Mapping
from pathlib import Path

import psutil

_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "beegfs", "davfs"}
_NETWORK_FUSE = {"fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse", "fuse.ceph", "fuse.glusterfs", "fuse.davfs2"}
NETWORK_ADVICE = "locks and fsync may be slow or unreliable there: a local disk is safer"


def file_system(path: Path, mounts: Mapping[Path, str] | None = None) -> str:
    """Type of the file system of an existing path; ``mounts`` are types by mount point (default: the system's)."""
    real = path.resolve()
    mounts = _mounts() if mounts is None else mounts
    return next((mounts[place] for place in (real, *real.parents) if place in mounts), "an unknown file system")


def is_network(kind: str) -> bool:
    """Whether a file system of that type is on another machine."""
    return kind in _NETWORK | _NETWORK_FUSE


def _mounts() -> dict[Path, str]:
    return {Path(mount.mountpoint): mount.fstype for mount in psutil.disk_partitions(all=True)}
