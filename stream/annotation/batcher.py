"""Which segments are asked about together: a full batch at once, a smaller one when its oldest has waited enough."""

import math
from collections import deque

from stream.pipeline.items import AnnotationOrder


class Batcher:
    """Orders wait here for company, in order. It looks at no clock: the time is told."""

    def __init__(self, size_max: int, wait_max_s: float) -> None:
        self._size_max = size_max
        self._wait_max_s = wait_max_s
        self._waiting: deque[AnnotationOrder] = deque()

    def add(self, order: AnnotationOrder) -> None:
        """Let an order wait."""
        self._waiting.append(order)

    def due_at(self) -> float | None:
        """When the next batch is due, on the clock of the orders: a full one is overdue; None if no order waits."""
        if not self._waiting:
            return None
        full = len(self._waiting) >= self._size_max
        return -math.inf if full else self._waiting[0].ordered_at_s + self._wait_max_s

    def due(self, now_s: float) -> list[AnnotationOrder]:
        """The next batch, if one is due at ``now_s``; empty if not."""
        return self.rest() if (at := self.due_at()) is not None and at <= now_s else []

    def rest(self) -> list[AnnotationOrder]:
        """The next batch, whether or not it is time; empty if none waits."""
        return [self._waiting.popleft() for _ in range(min(self._size_max, len(self._waiting)))]
