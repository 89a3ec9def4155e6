"""Batches that halve when they do not fit into memory."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from models.memory.oom import is_memory_full, release_cached_memory

T = TypeVar("T")
R = TypeVar("R")


class AdaptiveBatch:
    """A batch size that halves whenever memory is full.

    It never grows again: a size that failed once may fail again at any time, and each failure costs a batch's work.
    """

    def __init__(self, size: int) -> None:
        """Start with batches of ``size``.

        Raises:
            ValueError: ``size`` is not positive.
        """
        if size < 1:
            raise ValueError(f"a batch of {size} holds nothing: expected 1 or more")
        self.size = size
        """Maximum number of items in the next batch."""
        self.halvings = 0
        """Number of times that memory was full; ``memory_halvings`` in a model's facts."""

    def run(self, items: Sequence[T], work: Callable[[Sequence[T]], Sequence[R]]) -> Iterator[R]:
        """Yield the results of ``work`` for all items in order, batch by batch; a batch that does not fit is halved.

        Args:
            items: all items.
            work: processes a batch; if it fails because memory is full, it is called again for those items.

        Raises:
            Exception: any error of ``work`` that is not about memory, or that a single item causes.
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
            release_cached_memory()  # only here: until the error is gone, its traceback holds the batch's tensors
