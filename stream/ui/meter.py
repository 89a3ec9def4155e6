"""How far a long job is: a bar in a terminal, a line now and then in a pipe."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from stream.errors import printable
from stream.ui.console import clock

_MOST_LINES = 10
"""For one clip."""
_LINE_EVERY_S = 10.0
"""Seconds of video between two lines, at least."""


class Meter(Protocol):
    """Shows how far one clip is."""

    def progress(self, t_s: float) -> None:
        """Stream time ``t_s`` is reached."""
        ...


class PlainMeter:
    """A line for every tenth of a clip; of a short one, or one of unknown length, for every ten seconds."""

    def __init__(self, console: Console, name: str, duration_s: float | None) -> None:
        self._console = console
        self._name = name
        self._of = f" of {clock(duration_s)}" if duration_s else ""
        self._step_s = max(_LINE_EVERY_S, (duration_s or 0.0) / _MOST_LINES)
        self._next_s = self._step_s

    def progress(self, t_s: float) -> None:
        if t_s >= self._next_s:
            self._next_s = (t_s // self._step_s + 1) * self._step_s
            say(self._console, f"{self._name}  {clock(t_s)}{self._of}")


class LiveMeter:
    """A bar."""

    def __init__(self, bar: Progress, name: str, duration_s: float | None) -> None:
        self._bar = bar
        self._name = name
        self._task = bar.add_task(name, total=duration_s)

    def progress(self, t_s: float) -> None:
        self._bar.update(self._task, completed=t_s, description=f"{self._name}  {clock(t_s)}")


@contextmanager
def shown(console: Console, name: str, duration_s: float | None) -> Iterator[Meter]:
    """A meter for one clip of ``duration_s`` seconds, None if that is not known; the bar goes when the block ends."""
    if not console.is_terminal:
        yield PlainMeter(console, name, duration_s)
        return
    columns = TextColumn("{task.description}", markup=False), BarColumn(bar_width=40), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        yield LiveMeter(bar, printable(name), duration_s)


def say(console: Console, line: str) -> None:
    """Print a line as it is, on one line."""
    console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
