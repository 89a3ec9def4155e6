"""On what kind of file system a path lies, as far as a run must know."""

from collections.abc import Mapping
from pathlib import Path

import psutil

_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "beegfs", "davfs"}
_NETWORK_FUSE = {"fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse", "fuse.ceph", "fuse.glusterfs", "fuse.davfs2"}
NETWORK_ADVICE = "locks and fsync may be slow or not hold there: a local disk is safer"


def file_system(path: Path, mounts: Mapping[Path, str] | None = None) -> str:
    """Type of the file system on which an existing path lies; ``mounts`` are the types by mount point, if not asked."""
    real = path.resolve()
    mounts = _mounts() if mounts is None else mounts
    return next((mounts[place] for place in (real, *real.parents) if place in mounts), "an unknown file system")


def is_network(kind: str) -> bool:
    """Whether a file system of that type lies on another machine."""
    return kind in _NETWORK | _NETWORK_FUSE


def _mounts() -> dict[Path, str]:
    return {Path(mount.mountpoint): mount.fstype for mount in psutil.disk_partitions(all=True)}
