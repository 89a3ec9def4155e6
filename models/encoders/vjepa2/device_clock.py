"""Measures how long the device works on windows, which the host's clock cannot see when work is only queued.

Not tested on a GPU yet.
"""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class DeviceClock:
    """Adds up the time of ``with`` blocks: device time on CUDA, wall time elsewhere."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pending: deque[tuple[torch.cuda.Event, torch.cuda.Event]] = deque()
        self._busy_s = 0.0

    @property
    def busy_s(self) -> float:
        """Total time of the work completed so far; does not wait."""
        self._count()
        return self._busy_s

    def _count(self) -> None:
        while self._pending and self._pending[0][1].query():  # type: ignore[no-untyped-call]  # torch's own
            begun, ended = self._pending.popleft()
            self._busy_s += begun.elapsed_time(ended) / 1000

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure the work queued inside the block; a block that raises is not counted."""
        if self._device.type != "cuda":
            began_at = time.perf_counter()
            yield
            self._busy_s += time.perf_counter() - began_at
            return
        begun = self._recorded_event()
        yield
        self._pending.append((begun, self._recorded_event()))
        self._count()  # keeps the queue short if busy_s is never read

    def _recorded_event(self) -> torch.cuda.Event:
        """An event on the stream, behind all work queued so far."""
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        event.record(torch.cuda.current_stream(self._device))
        return event
