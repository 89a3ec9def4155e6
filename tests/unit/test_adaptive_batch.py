"""When the memory is full a batch is done in halves, nothing is lost, and it is counted."""

from collections.abc import Callable, Sequence

import pytest

from models.memory.adaptive_batch import AdaptiveBatch

pytestmark = pytest.mark.slow  # it uses torch, whose import takes seconds


def work_that_fits(largest: int, sizes: list[int]) -> Callable[[Sequence[int]], list[int]]:
    """Work on batches of at most ``largest``; the sizes tried are noted."""
    import torch

    def work(batch: Sequence[int]) -> list[int]:
        sizes.append(len(batch))
        if len(batch) > largest:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return [10 * item for item in batch]

    return work


def test_full_memory_halves_the_batch_and_loses_nothing() -> None:
    """After two failures batches of 8 become batches of 2, and every item is answered once and in order."""
    halving, sizes = AdaptiveBatch(8), list[int]()
    assert list(halving.run(range(11), work_that_fits(3, sizes))) == [10 * item for item in range(11)]
    assert sizes == [8, 4, 2, 2, 2, 2, 2, 1]
    assert (halving.size, halving.halvings) == (2, 2)


def test_smaller_batches_stay() -> None:
    """What did not fit is not tried again, also not by a later call."""
    halving, sizes = AdaptiveBatch(4), list[int]()
    work = work_that_fits(2, sizes)
    list(halving.run(range(4), work))
    list(halving.run(range(4), work))
    assert sizes == [4, 2, 2, 2, 2]
    assert halving.halvings == 1


def test_short_batch_halves_what_it_held() -> None:
    """Three items that do not fit are followed by one at a time, although the batch could have held eight."""
    halving, sizes = AdaptiveBatch(8), list[int]()
    list(halving.run(range(3), work_that_fits(1, sizes)))
    assert sizes == [3, 1, 1, 1]


def test_single_item_that_does_not_fit_is_an_error() -> None:
    """There is no half of one item: the error is the caller's."""
    import torch

    halving = AdaptiveBatch(2)
    with pytest.raises(torch.OutOfMemoryError):
        list(halving.run(range(2), work_that_fits(0, [])))
    assert halving.halvings == 1


def test_other_errors_are_not_swallowed() -> None:
    """An error that is not about memory leaves at once, and the batch stays as large as it was."""

    def broken(_: Sequence[int]) -> list[int]:
        raise RuntimeError("a kernel failed")

    halving = AdaptiveBatch(4)
    with pytest.raises(RuntimeError, match="a kernel failed"):
        list(halving.run(range(4), broken))
    assert (halving.size, halving.halvings) == (4, 0)


def test_empty_batch_size_is_refused() -> None:
    """A batch of no items would never end."""
    with pytest.raises(ValueError, match="batch of 0"):
        AdaptiveBatch(0)
