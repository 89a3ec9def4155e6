"""A clock that stands still until a test or the program under test moves it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from unittest.mock import patch


class FakeClock:
    """A monotonic clock that moves by ``wait``, and when a test sets ``now_s``."""

    def __init__(self, now_s: float = 100.0) -> None:
        self._start_s = now_s
        self._moved_s = 0.0  # apart from the start, so that short waits add up exactly
        self.waits_s: list[float] = []
        self.alarm: tuple[float, Callable[[], object]] | None = None
        """Seconds and a function, which is called once, when all waits together have reached them."""
        self._epoch_s = time.time() - now_s

    @property
    def now_s(self) -> float:
        return self._start_s + self._moved_s

    @now_s.setter
    def now_s(self, now_s: float) -> None:
        self._moved_s = now_s - self._start_s

    def __call__(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.waits_s.append(seconds)
        self._moved_s += seconds
        if self.alarm is not None and sum(self.waits_s) >= self.alarm[0]:
            act, self.alarm = self.alarm[1], None
            act()

    def time(self) -> float:
        """Seconds since the epoch, as ``time.time``."""
        return self._epoch_s + self.now_s

    def now(self, zone: tzinfo | None = None) -> datetime:
        """The date and time, as ``datetime.now``."""
        return datetime.fromtimestamp(self.time(), zone)


@contextmanager
def fake_clock() -> Iterator[FakeClock]:
    """During the block ``time.sleep`` returns at once, and the clocks that a run reads are this one."""
    clock = FakeClock(time.monotonic())
    with (
        patch.object(time, "sleep", clock.wait),
        patch.object(time, "monotonic", clock),
        patch.object(time, "time", clock.time),
        patch("stream.records.store.event_log.datetime", clock),
    ):
        yield clock
