"""The signals that stop a run: they are noted, and whoever runs a chain drains it."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

from stream.errors import ExitCode

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
DRAIN_S = 6.0
"""After a signal: time for what is under way to be recorded before the rest is ended."""
_SOON_S: Final = 0.001
"""A timer of 0 s would be off."""


class StopRequest:
    """The signals that have arrived."""

    def __init__(self) -> None:
        self.signals: list[int] = []
        self.at = 0.0
        self.interrupts = False
        """Whether ``KeyboardInterrupt`` is raised in the main thread as soon as ``at_once`` holds."""
        self._restore_alarm: Callable[[], None] = lambda: None

    def __call__(self, number: int, _: FrameType | None) -> None:
        self.at = self.at or time.monotonic()
        self.signals.append(number)
        if not self.interrupts:
            return
        if len(self.signals) > 1:
            raise KeyboardInterrupt
        self._arm_alarm()

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Raise ``KeyboardInterrupt`` at a second signal and ``DRAIN_S`` after the first, even in a call that blocks.

        Only in the main thread. SIGALRM and its timer are as before afterwards.
        """
        self.interrupts = True
        try:
            if self.signals:
                self._arm_alarm()
            yield
        finally:
            self.interrupts = False
            self._restore_alarm()

    def _arm_alarm(self) -> None:
        left_s = self.at + DRAIN_S - time.monotonic()
        handler = signal.signal(signal.SIGALRM, self._on_alarm)
        delay_s, interval_s = signal.setitimer(signal.ITIMER_REAL, max(left_s, _SOON_S))

        def restore() -> None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, handler)
            signal.setitimer(signal.ITIMER_REAL, delay_s, interval_s)
            self._restore_alarm = lambda: None

        self._restore_alarm = restore

    def _on_alarm(self, _number: int, _frame: FrameType | None) -> None:
        if self.interrupts:
            raise KeyboardInterrupt

    @property
    def code(self) -> ExitCode | None:
        """The exit code that the first signal asks for."""
        return ExitCode(128 + self.signals[0]) if self.signals else None

    @property
    def at_once(self) -> bool:
        """Whether a second signal has come, or the time for draining is over."""
        return len(self.signals) > 1 or bool(self.signals and time.monotonic() - self.at > DRAIN_S)


def heeded_signals() -> list[signal.Signals]:
    """The signals that stop a run; without SIGHUP if it is ignored, as under ``nohup``."""
    is_ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return [number for number in STOP_SIGNALS if not (number == signal.SIGHUP and is_ignored)]


def exit_at_signal(number: int, _frame: FrameType | None) -> NoReturn:
    """Handle a signal while nothing runs that has to be drained: exit with its code."""
    sys.exit(128 + number)


@contextmanager
def signals_caught(stop: StopRequest) -> Iterator[None]:
    """Note the signals that stop a run in ``stop`` instead of acting on them."""
    before = {number: signal.signal(number, stop) for number in heeded_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
