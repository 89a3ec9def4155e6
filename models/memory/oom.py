"""The many ways to say that memory is full, under Python's one name for it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_OF_THE_GPU: Final = ("out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
"""In a ``RuntimeError``, or a ``torch.AcceleratorError``, which is one: of the driver and of CUDA's libraries, whose
own allocations pass torch's allocator by."""
_OF_THE_CPU: Final = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "Cannot allocate memory",
)
_ONNX_ARENA: Final = "BFCArena"
_ONNX_FULL: Final = ("Failed to allocate memory", "Available memory of")
"""What ONNX Runtime says of its allocator, in errors of its own, whose only common base is ``Exception``."""


def is_memory_full(error: BaseException) -> bool:
    """Whether the error says that the device's or the host's memory is full; torch need not be installed."""
    if isinstance(error, MemoryError):
        return True
    words = str(error)
    if _ONNX_ARENA in words and any(each in words for each in _ONNX_FULL):
        return True
    return isinstance(error, RuntimeError) and any(each in words for each in (*_OF_THE_GPU, *_OF_THE_CPU))


@contextmanager
def full_memory_as_memory_error() -> Iterator[None]:
    """Whatever says that memory is full becomes ``MemoryError``; every other error stays what it is."""
    try:
        yield
    except RuntimeError as error:
        if not is_memory_full(error):
            raise
        words = str(error)
        whose = "memory of this machine" if any(each in words for each in _OF_THE_CPU) else "GPU's memory"
        raise MemoryError(f"the {whose} is full: {_first_line(words)}") from error


def release_cached_memory() -> None:
    """Give back to the GPU what torch keeps for later: pieces left by larger batches may be of no use for smaller."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def _first_line(words: str) -> str:
    return words.partition("\n")[0]
