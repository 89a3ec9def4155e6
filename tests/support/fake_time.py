"""A clock that stands still except while the program sleeps, for runs in real time."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from unittest.mock import patch


class FakeTime:
    """The clocks of this process: they move by what is slept, and by what a test adds."""

    def __init__(self) -> None:
        self.slept_s = 0.0
        self._added_s = 0.0
        self.alarm: tuple[float, Callable[[], object]] | None = None
        """What is called, once, when so many seconds have been slept."""
        self._monotonic_s, self._time_s = time.monotonic(), time.time()

    def sleep(self, seconds: float) -> None:
        self.slept_s += seconds
        if self.alarm is not None and self.slept_s >= self.alarm[0]:
            act, self.alarm = self.alarm[1], None
            act()

    def add(self, seconds: float) -> None:
        """Let work take so much time."""
        self._added_s += seconds

    def monotonic(self) -> float:
        return self._monotonic_s + self.slept_s + self._added_s

    def time(self) -> float:
        return self._time_s + self.slept_s + self._added_s

    def now(self, zone: tzinfo | None = None) -> datetime:
        return datetime.fromtimestamp(self.time(), zone)


@contextmanager
def fake_clock() -> Iterator[FakeTime]:
    """During the block ``time.sleep`` returns at once, and the clocks that a run reads are this one."""
    clock = FakeTime()
    with (
        patch.object(time, "sleep", clock.sleep),
        patch.object(time, "monotonic", clock.monotonic),
        patch.object(time, "time", clock.time),
        patch("stream.records.store.event_log.datetime", clock),
    ):
        yield clock
