"""Checks of the machine: disk, memory, GPU memory, cores, and the sockets between processes."""

import os
from pathlib import Path

import psutil
import zmq

from models.memory.vram import CONTEXT_BYTES, GIB, Share
from stream.config import Options
from stream.doctor.check import Finding, size
from stream.errors import EgocleanError, NoRoomError, UsageError
from stream.records.store.run_lock import NETWORK_ADVICE, file_system, is_network
from stream.runtime.gpu_budget import needs, shares, with_budget
from stream.runtime.socket_folder import SocketFolder

_MIB, _GIB = 2**20, 2**30
ROOM_BYTES = _GIB
"""Space for an hour of video: 240 MiB of arrays, 512 MiB of keyframes, and some reserve."""
CHAIN_BYTES = _GIB
"""Four processes of about 0.1 GiB each, the pictures of a 4K decoder, and two queues of 32 MiB."""
SHM_BYTES = 64 * _MIB
"""The default of ``docker run``."""
_PING = b"ping"
_PING_MS = 5000


def out(path: Path) -> Finding:
    """Whether run directories can be created, and on which type of file system.

    Raises:
        UsageError: they cannot be created.
    """
    parent = _nearest_existing(path)
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise UsageError(f"--out {path}: {parent} is not a writable directory: choose another, or mount it writable")
    kind = file_system(parent)
    if is_network(kind):
        return Finding(f"{path} is on {kind}", NETWORK_ADVICE)
    return Finding(f"{path} is writable, on {kind}")


def disk(path: Path, needed_bytes: int | None) -> Finding:
    """Whether there is space for the run directory; ``needed_bytes`` is None if its size is unknown.

    Raises:
        NoRoomError: there is too little space.
    """
    free = psutil.disk_usage(str(_nearest_existing(path))).free
    if needed_bytes is not None and free < needed_bytes:
        raise NoRoomError(f"{size(free)} free under {path}, but the run may need {size(needed_bytes)}: free some space")
    message = f"{size(free)} free under {path}"
    return Finding(message, "" if free >= ROOM_BYTES else f"an hour of video may need {size(ROOM_BYTES)}")


def shared_memory(path: Path = Path("/dev/shm")) -> Finding:  # noqa: S108 - only its size is read
    """The size of ``/dev/shm``, which the chain does not use, but torch may."""
    if not path.is_dir():
        return Finding(f"there is no {path}; the chain does not need it")
    total = psutil.disk_usage(str(path)).total
    small = total < SHM_BYTES
    return Finding(f"{path} has {size(total)}", "torch may need 64 MiB: docker run --shm-size 64m" if small else "")


def memory(weights_bytes: int) -> Finding:
    """Whether the available memory, of the machine or the container, is enough for the chain and its encoder."""
    available = min([psutil.virtual_memory().available, *cgroup_free()])
    needed = CHAIN_BYTES + weights_bytes
    message = f"{size(available)} available"
    return Finding(
        message, "" if available >= needed else f"a run with this encoder may need {size(needed)}: free some"
    )


def vram(options: Options) -> Finding:
    """How the memory of the GPU would be divided in a run with these options.

    If there is no GPU, ``--vram-budget-gib`` gives the memory of an imaginary one.

    Raises:
        NoRoomError: the models do not fit.
    """
    if not needs(options):
        return Finding("no model of this run uses the GPU")
    planned = options if options.machine.vram_budget_gib is not None else with_budget(options)
    if planned.machine.vram_budget_gib is None:
        return Finding("no GPU; --vram-budget-gib 23 shows how a GPU of 24 GiB would be divided")
    parts = [f"{name} {_share_text(share)}" for name, share in shares(planned).items()]
    return Finding(f"of {planned.machine.vram_budget_gib:.1f} GiB, {'; '.join(parts)} (not measured on a GPU)")


def _share_text(share: Share) -> str:
    """A share in words, in GiB: ``2.6 GiB at most: CUDA 0.8, weights 0.6, and a batch of 4, each activations 0.4``."""
    need = share.need
    cache = f" and KV cache {need.cache_bytes / GIB:.2f}" if need.cache_bytes else ""
    activations = f"activations {(need.each_bytes - need.cache_bytes) / GIB:.2f}"
    return (
        f"{size(share.limit_bytes)} at most: CUDA {CONTEXT_BYTES / GIB:.2f}, weights {need.weights_bytes / GIB:.2f}, "
        f"and a batch of {share.batch}, each {activations}{cache}"
    )


def cores() -> Finding:
    """The number of usable cores; decoding and embedding need one each."""
    count = len(os.sched_getaffinity(0))
    return Finding(f"{count}", "" if count > 1 else "decoding and embedding share one core, which makes a run slower")


def sockets() -> Finding:
    """Whether a message passes through a socket in a private directory, as between the processes of a run.

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
                    f"a socket in {folder.path} passes no messages: set TMPDIR to a folder on a local file system"
                )
        return Finding(f"processes can communicate through {folder.path.parent}")


def _nearest_existing(path: Path) -> Path:
    """The path itself, or the nearest folder above it that exists."""
    path = path.absolute()
    return next(parent for parent in (path, *path.parents) if parent.exists())


def cgroup_free(root: Path = Path("/sys/fs/cgroup")) -> list[int]:
    """Bytes that a container's memory limit (cgroup v2) leaves, as the only element; empty if there is no limit."""
    limit, used = root / "memory.max", root / "memory.current"
    if not limit.exists() or not used.exists() or (text := limit.read_text().strip()) == "max":
        return []
    return [int(text) - int(used.read_text())]
