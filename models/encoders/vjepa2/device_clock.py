"""How long the device works on windows: what its owner's clock cannot tell, where work is only handed over.

Not run on a GPU yet.
"""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class DeviceClock:
    """Adds up the time of what runs between ``with`` and its end: on CUDA the stream's own, elsewhere the wall's."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._under_way: deque[tuple[torch.cuda.Event, torch.cuda.Event]] = deque()
        self._busy_s = 0.0

    @property
    def busy_s(self) -> float:
        """Of all that is done by now; waits for nothing."""
        self._count()
        return self._busy_s

    def _count(self) -> None:
        while self._under_way and self._under_way[0][1].query():  # type: ignore[no-untyped-call]  # torch's own
            begun, ended = self._under_way.popleft()
            self._busy_s += begun.elapsed_time(ended) / 1000

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count what the device is given meanwhile; what fails is not counted."""
        if self._device.type != "cuda":
            began_at = time.perf_counter()
            yield
            self._busy_s += time.perf_counter() - began_at
            return
        begun = self._marked()
        yield
        self._under_way.append((begun, self._marked()))
        self._count()  # so that what is done does not pile up where nobody asks

    def _marked(self) -> torch.cuda.Event:
        """An event on the stream, behind all that it was given so far."""
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        event.record(torch.cuda.current_stream(self._device))
        return event
