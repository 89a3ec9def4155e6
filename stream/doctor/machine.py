"""Disk, memory, cores, and the sockets between processes."""

import os
from pathlib import Path

import psutil
import zmq

from stream.doctor.check import Finding, size
from stream.errors import EgocleanError, NoRoomError, UsageError
from stream.records.store.run_lock import NETWORK_ADVICE, file_system, is_network
from stream.runtime.socket_folder import SocketFolder

_MIB, _GIB = 2**20, 2**30
ROOM_BYTES = _GIB
"""Of an hour of video: arrays of 240 MiB and the keyframes' 512 MiB, with room to spare."""
CHAIN_BYTES = _GIB
"""The four processes hold about 0.1 GiB each, the pictures of a 4K decoder and two queues of 32 MiB come on top."""
SHM_BYTES = 64 * _MIB
"""What plain ``docker run`` gives."""
_PING = b"ping"
_PING_MS = 5000


def out(path: Path) -> Finding:
    """Whether run directories can be made, and on what kind of file system.

    Raises:
        UsageError: they cannot.
    """
    there = _existing(path)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise UsageError(
            f"--out {path}: {there} is no directory that can be written, give another or mount it writable"
        )
    kind = file_system(there)
    if is_network(kind):
        return Finding(f"{path} lies on {kind}", NETWORK_ADVICE)
    return Finding(f"{path} can be written, on {kind}")


def disk(path: Path, needed_bytes: int | None) -> Finding:
    """Whether the run directory finds room; ``needed_bytes`` is None where nobody knows how much it takes.

    Raises:
        NoRoomError: it does not.
    """
    free = psutil.disk_usage(str(_existing(path))).free
    if needed_bytes is not None and free < needed_bytes:
        raise NoRoomError(f"{size(free)} free under {path}, the run may need {size(needed_bytes)}: free some")
    says = f"{size(free)} free under {path}"
    return Finding(says, "" if free >= ROOM_BYTES else f"an hour of video may need {size(ROOM_BYTES)}")


def shared_memory(path: Path = Path("/dev/shm")) -> Finding:  # noqa: S108 - asked for its size, nothing is put there
    """``/dev/shm``: nothing of the chain itself lies there."""
    if not path.is_dir():
        return Finding(f"there is no {path}, and the chain needs none")
    total = psutil.disk_usage(str(path)).total
    small = total < SHM_BYTES
    return Finding(f"{path} has {size(total)}", "torch may want 64 MiB: docker run --shm-size 64m" if small else "")


def memory(weights_bytes: int) -> Finding:
    """Memory that is free, by the machine and by the container, against what the chain and its model take."""
    available = min([psutil.virtual_memory().available, *cgroup_free()])
    needed = CHAIN_BYTES + weights_bytes
    says = f"{size(available)} available"
    return Finding(says, "" if available >= needed else f"a run with this encoder may need {size(needed)}: make room")


def cores() -> Finding:
    """Cores that may be used: decoding and embedding want one each."""
    count = len(os.sched_getaffinity(0))
    return Finding(f"{count}", "" if count > 1 else "decoding and embedding share it: a run is slower than it could be")


def sockets() -> Finding:
    """Whether a message goes through a socket in a private directory, as between the processes of a run.

    Raises:
        EgocleanError: it does not.
    """
    with SocketFolder() as folder, zmq.Context() as context:
        endpoint = folder.endpoint("status")
        with context.socket(zmq.PULL) as inlet, context.socket(zmq.PUSH) as outlet:
            outlet.linger = 0
            inlet.bind(endpoint)
            outlet.connect(endpoint)
            outlet.send(_PING)
            if not inlet.poll(_PING_MS) or inlet.recv() != _PING:
                raise EgocleanError(
                    f"nothing comes through a socket in {folder.path}: point TMPDIR to a local file system"
                )
        return Finding(f"processes can talk to each other, in {folder.path.parent}")


def _existing(path: Path) -> Path:
    """The path itself, or the nearest folder above it that is there."""
    path = path.absolute()
    return next(place for place in (path, *path.parents) if place.exists())


def cgroup_free(root: Path = Path("/sys/fs/cgroup")) -> list[int]:
    """What a container's limit (cgroup v2) leaves; empty where there is none."""
    limit, used = root / "memory.max", root / "memory.current"
    if not limit.exists() or not used.exists() or (text := limit.read_text().strip()) == "max":
        return []
    return [int(text) - int(used.read_text())]
