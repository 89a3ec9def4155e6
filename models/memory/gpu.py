"""The GPU as its driver reports it through NVML, without torch and without using any GPU memory."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pynvml import c_nvmlDevice_t


@dataclass(frozen=True, slots=True)
class Gpu:
    """The GPU that is CUDA device 0."""

    name: str
    total_bytes: int
    free_bytes: int


def find_gpu() -> Gpu | None:
    """The GPU that a model would run on; None if there is none, or no driver."""
    import pynvml

    with nvml_device() as device:
        if device is None:
            return None
        memory = pynvml.nvmlDeviceGetMemoryInfo(device)
        return Gpu(pynvml.nvmlDeviceGetName(device), int(memory.total), int(memory.free))


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them. Not tested on a GPU yet."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        there = [str(index) for index in range(pynvml.nvmlDeviceGetCount())]
    finally:
        pynvml.nvmlShutdown()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return there if visible is None else [each.strip() for each in visible.split(",") if each.strip()][: len(there)]


@contextmanager
def nvml_device() -> "Iterator[c_nvmlDevice_t | None]":
    """NVML's handle of that GPU inside the block; None if there is none. Not tested on a GPU yet."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield None
        return
    try:
        yield _first_visible()
    finally:
        pynvml.nvmlShutdown()


def _first_visible() -> "c_nvmlDevice_t | None":
    """CUDA device 0: the first of ``CUDA_VISIBLE_DEVICES``, by index or UUID, or else NVML's first."""
    import pynvml

    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    first = "0" if visible is None else visible.split(",")[0].strip()
    try:
        return pynvml.nvmlDeviceGetHandleByIndex(int(first)) if first.isdigit() else _by_uuid(first)
    except pynvml.NVMLError:
        return None


def _by_uuid(uuid: str) -> "c_nvmlDevice_t | None":
    import pynvml

    return pynvml.nvmlDeviceGetHandleByUUID(uuid) if uuid.startswith(("GPU-", "MIG-")) else None
