"""Too little memory for a batch is no reason to stop: half of it may fit."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from models.memory.oom import is_memory_full, release_cached_memory

T = TypeVar("T")
R = TypeVar("R")


class AdaptiveBatch:
    """The size of a batch, which halves whenever the memory is full and stays there.

    It never grows again: what did not fit once may fail again at any time, and each failure costs a batch's work.
    """

    def __init__(self, size: int) -> None:
        """Begin with batches of ``size``.

        Raises:
            ValueError: ``size`` is not positive.
        """
        if size < 1:
            raise ValueError(f"a batch of {size} holds nothing: expected 1 or more")
        self.size = size
        """Items of the next batch, at most."""
        self.halvings = 0
        """How often the memory was full: ``memory_halvings`` of a model's facts."""

    def run(self, items: Sequence[T], work: Callable[[Sequence[T]], Sequence[R]]) -> Iterator[R]:
        """Give ``work`` of all items in their order, batch by batch; what did not fit is done again in halves.

        Args:
            items: All that is to be done.
            work: Does a batch, or fails because the memory is full; it is called again for those items.

        Raises:
            Exception: as ``work`` raises it, if it is not about memory, or if a single item does not fit.
        """
        done = 0
        while done < len(items):
            batch = items[done : done + self.size]
            try:
                results = work(batch)
            except Exception as error:
                if len(batch) == 1 or not is_memory_full(error):
                    raise
                self.size = len(batch) // 2
                self.halvings += 1
            else:
                yield from results
                done += len(batch)
                continue
            release_cached_memory()  # only here: while the error lives, its traceback holds the batch's tensors
