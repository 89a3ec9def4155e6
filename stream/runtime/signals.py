"""SIGINT and SIGTERM: they are noted, and whoever runs a chain drains it."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from stream.errors import ExitCode

DRAIN_S = 6.0
"""After a signal: time for what is under way to be recorded before the rest is ended."""


class StopRequest:
    """The signals that have arrived."""

    def __init__(self) -> None:
        self.signals: list[int] = []
        self.at = 0.0
        self.interrupts = False
        """Whether a second signal raises ``KeyboardInterrupt`` wherever the main thread is."""

    def __call__(self, number: int, _: FrameType | None) -> None:
        self.at = self.at or time.monotonic()
        self.signals.append(number)
        if self.interrupts and len(self.signals) > 1:
            raise KeyboardInterrupt

    @property
    def code(self) -> ExitCode | None:
        """The exit code that the first signal asks for."""
        if not self.signals:
            return None
        return ExitCode.SIGINT if self.signals[0] == signal.SIGINT else ExitCode.SIGTERM

    @property
    def at_once(self) -> bool:
        """Whether a second signal has come, or the time for draining is over."""
        return len(self.signals) > 1 or bool(self.signals and time.monotonic() - self.at > DRAIN_S)


@contextmanager
def signals_caught(stop: StopRequest) -> Iterator[None]:
    """Note SIGINT and SIGTERM in ``stop`` instead of acting on them."""
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
