"""When the memory is full a batch is done in halves, nothing is lost, and it is counted."""

from collections.abc import Callable, Sequence

import pytest
import torch

from models.halving import Halving, is_memory_full

CPU_MESSAGE = (
    "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: "
    "you tried to allocate 4398046511104 bytes. Error code 12 (Cannot allocate memory)"
)
ARENA_MESSAGE = (
    "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running MatMul node. "
    "Status Message: /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:376 void* "
    "onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*, bool, "
    "onnxruntime::WaitNotificationFn) "
)


def work_that_fits(largest: int, seen: list[int]) -> Callable[[Sequence[int]], list[int]]:
    """Work on batches of at most ``largest``; the sizes tried are noted."""

    def work(batch: Sequence[int]) -> list[int]:
        seen.append(len(batch))
        if len(batch) > largest:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return [10 * item for item in batch]

    return work


def test_full_memory_halves_the_batch_and_loses_nothing() -> None:
    """After two failures batches of 8 become batches of 2, and every item is answered once and in order."""
    halving, seen = Halving(8), list[int]()
    assert list(halving.run(range(11), work_that_fits(3, seen))) == [10 * item for item in range(11)]
    assert seen == [8, 4, 2, 2, 2, 2, 2, 1]
    assert (halving.size, halving.halvings) == (2, 2)


def test_smaller_batches_stay() -> None:
    """What did not fit is not tried again, also not by a later call."""
    halving, seen = Halving(4), list[int]()
    work = work_that_fits(2, seen)
    list(halving.run(range(4), work))
    list(halving.run(range(4), work))
    assert seen == [4, 2, 2, 2, 2]
    assert halving.halvings == 1


def test_short_batch_halves_what_it_held() -> None:
    """Three items that do not fit are followed by one at a time, although the batch could have held eight."""
    halving, seen = Halving(8), list[int]()
    list(halving.run(range(3), work_that_fits(1, seen)))
    assert seen == [3, 1, 1, 1]


def test_single_item_that_does_not_fit_is_an_error() -> None:
    """There is no half of one item: the error is the caller's."""
    halving = Halving(2)
    with pytest.raises(torch.OutOfMemoryError):
        list(halving.run(range(2), work_that_fits(0, [])))
    assert halving.halvings == 1


def test_other_errors_are_not_swallowed() -> None:
    """An error that is not about memory leaves at once, and the batch stays as large as it was."""

    def broken(_: Sequence[int]) -> list[int]:
        raise RuntimeError("a kernel failed")

    halving = Halving(4)
    with pytest.raises(RuntimeError, match="a kernel failed"):
        list(halving.run(range(4), broken))
    assert (halving.size, halving.halvings) == (4, 0)


def test_every_way_of_saying_that_memory_is_full() -> None:
    """torch's own error, Python's, and the sentence of torch's allocator on the CPU all count, others do not."""
    assert is_memory_full(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_memory_full(MemoryError())
    assert is_memory_full(RuntimeError(CPU_MESSAGE))
    assert not is_memory_full(RuntimeError("shapes do not fit"))
    assert not is_memory_full(OSError("No space left on device"))


@pytest.mark.parametrize(
    "said",
    [
        "Failed to allocate memory for requested buffer of size 8388608000",
        "Available memory of 0 is smaller than requested bytes of 135383040",
    ],
)
def test_onnx_runtime_says_that_its_arena_is_full(said: str) -> None:
    """ONNX Runtime's errors, which share nothing but ``Exception``, are known by what its arena says."""
    from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException

    assert is_memory_full(RuntimeException(ARENA_MESSAGE + said))
    assert not is_memory_full(RuntimeException("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : a shape is another"))


def test_allocator_of_the_cpu_says_what_is_expected() -> None:
    """The sentence that is looked for is the one that this torch says."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 58, dtype=torch.uint8)
    assert is_memory_full(caught.value)


def test_empty_batch_size_is_refused() -> None:
    """A batch of no items would never end."""
    with pytest.raises(ValueError, match="batch of 0"):
        Halving(0)
