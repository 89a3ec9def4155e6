"""Batches annotation tasks: a full batch is due at once, a smaller one when its oldest task has waited long enough."""

import math
from collections import deque

from stream.pipeline.items import AnnotationTask


class Batcher:
    """Collects tasks in order. It reads no clock: the caller passes the time."""

    def __init__(self, size_max: int, wait_max_s: float) -> None:
        self._size_max = size_max
        self._wait_max_s = wait_max_s
        self._waiting: deque[AnnotationTask] = deque()

    def add(self, task: AnnotationTask) -> None:
        """Add a task."""
        self._waiting.append(task)

    def due_at(self) -> float | None:
        """Time at which the next batch is due, on the clock of ``queued_at_s``; None if no task waits."""
        if not self._waiting:
            return None
        is_full = len(self._waiting) >= self._size_max
        return -math.inf if is_full else self._waiting[0].queued_at_s + self._wait_max_s

    def due(self, now_s: float) -> list[AnnotationTask]:
        """The next batch if it is due at ``now_s``; otherwise empty."""
        return self.rest() if (at := self.due_at()) is not None and at <= now_s else []

    def rest(self) -> list[AnnotationTask]:
        """The next batch, whether or not it is due; empty if no task waits."""
        return [self._waiting.popleft() for _ in range(min(self._size_max, len(self._waiting)))]
