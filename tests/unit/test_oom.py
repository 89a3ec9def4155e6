"""Whoever says that memory is full, and however, is understood; nobody else is."""

import builtins

import pytest

from models.memory.oom import full_memory_as_memory_error, is_memory_full

pytestmark = pytest.mark.slow  # it uses torch, whose import takes seconds

OF_THE_CPU = (
    "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: "
    "you tried to allocate 4398046511104 bytes. Error code 12 (Cannot allocate memory)"
)
CUBLAS = "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"


def error_of(kind: str, message: str) -> Exception:
    """An error of this class of torch or of Python."""
    import torch

    make = getattr(torch, kind, None) or getattr(builtins, kind, None)
    if make is None:
        pytest.skip(f"torch {torch.__version__} has no {kind}")
    error: Exception = make(message)
    return error


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("OutOfMemoryError", "CUDA out of memory.\nTried to allocate 2.00 GiB."),
        ("AcceleratorError", "CUDA error: out of memory\nCompile with TORCH_USE_CUDA_DSA"),
        ("RuntimeError", "CUDA error: out of memory"),
        ("RuntimeError", CUBLAS),
        ("AcceleratorError", CUBLAS),
        ("RuntimeError", "cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        ("RuntimeError", OF_THE_CPU),
        ("RuntimeError", "unable to mmap 4096 bytes from file <model.safetensors>: Cannot allocate memory (12)"),
        ("MemoryError", ""),
    ],
)
def test_every_way_of_saying_that_memory_is_full(kind: str, message: str) -> None:
    """torch's allocators, the driver, cuBLAS, cuDNN and Python: all become ``MemoryError``, in one line."""
    error = error_of(kind, message)
    assert is_memory_full(error)
    with pytest.raises(MemoryError) as caught, full_memory_as_memory_error():
        raise error
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("RuntimeError", "shapes do not fit"),
        ("AcceleratorError", "CUDA error: an illegal memory access was encountered"),
        ("RuntimeError", "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        ("OSError", "No space left on device"),
    ],
)
def test_other_errors_stay_what_they_are(kind: str, message: str) -> None:
    """An error that is not about full memory passes unchanged."""
    error = error_of(kind, message)
    assert not is_memory_full(error)
    with pytest.raises(type(error)) as caught, full_memory_as_memory_error():
        raise error
    assert caught.value is error


def test_cpu_allocator_error_is_recognised() -> None:
    """The sentence that is looked for is the one that this torch says; the new one names whose memory is full."""
    import torch

    with pytest.raises(MemoryError, match="the memory of this machine is full"), full_memory_as_memory_error():
        torch.empty(1 << 58, dtype=torch.uint8)
    with pytest.raises(MemoryError, match="the GPU's memory is full: CUDA out"), full_memory_as_memory_error():
        raise torch.OutOfMemoryError("CUDA out of memory")


@pytest.mark.parametrize(
    "message",
    [
        "Failed to allocate memory for requested buffer of size 8388608000",
        "Available memory of 0 is smaller than requested bytes of 135383040",
    ],
)
def test_onnx_runtime_error_of_a_full_arena_is_recognised(message: str) -> None:
    """ONNX Runtime's errors, which share nothing but ``Exception``, are known by what its arena says."""
    from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException

    arena = "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : onnxruntime::BFCArena::AllocateRawInternal(size_t, bool) "
    assert is_memory_full(RuntimeException(arena + message))
    assert not is_memory_full(RuntimeException("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : a shape is another"))
