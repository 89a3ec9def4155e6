"""Recognises the out-of-memory errors of torch, CUDA's libraries and ONNX Runtime."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_OF_THE_GPU: Final = ("out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
"""In a ``RuntimeError`` or its subclass ``torch.AcceleratorError``: from the driver and CUDA's libraries, whose own
allocations bypass torch's allocator."""
_OF_THE_CPU: Final = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "Cannot allocate memory",
)
_ONNX_ARENA: Final = "BFCArena"
_ONNX_FULL: Final = ("Failed to allocate memory", "Available memory of")
"""Messages of ONNX Runtime's allocator, in errors whose only common base class is ``Exception``."""


def is_memory_full(error: BaseException) -> bool:
    """Whether an error means that the memory of the device or the host is full. Does not need torch."""
    if isinstance(error, MemoryError):
        return True
    words = str(error)
    if _ONNX_ARENA in words and any(each in words for each in _ONNX_FULL):
        return True
    return isinstance(error, RuntimeError) and any(each in words for each in (*_OF_THE_GPU, *_OF_THE_CPU))


@contextmanager
def full_memory_as_memory_error() -> Iterator[None]:
    """Turn out-of-memory errors into ``MemoryError``; other errors pass unchanged."""
    try:
        yield
    except RuntimeError as error:
        if not is_memory_full(error):
            raise
        words = str(error)
        whose = "memory of this machine" if any(each in words for each in _OF_THE_CPU) else "GPU's memory"
        raise MemoryError(f"the {whose} is full: {_first_line(words)}") from error


def release_cached_memory() -> None:
    """Release torch's cached GPU memory: fragments of larger batches may not serve smaller ones."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def _first_line(words: str) -> str:
    return words.partition("\n")[0]
