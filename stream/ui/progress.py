"""Progress of long jobs: a bar in a terminal, a line for every tenth in a pipe, or notes, which may become JSON.

with progress(console, "clip", SECONDS, total=duration_s) as job:
    job.update(t_s)
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from stream.errors import printable
from stream.ui.styles import ASIDE, DONE, RUNNING
from stream.ui.text import clock, print_line

if TYPE_CHECKING:
    from models.weights.fetch import Progress as Fetched
    from models.weights.fetch import Report

_LOG = logging.getLogger(__name__)
_LINES_MAX: Final = 10
"""Lines in a pipe, for one job of known length."""


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit in which a job's progress is counted and shown."""

    text: Callable[[float], str]
    """An amount in words."""
    least: float
    """Least amount between two lines in a pipe."""
    columns: tuple[Callable[[], ProgressColumn], ...]
    """Shown to the right of the bar."""
    suffix: str = ""


SECONDS: Final = Unit(clock, 10.0, (TimeRemainingColumn,))
"""Seconds of video."""
BYTES: Final = Unit(
    lambda amount: f"{amount / 1e6:.1f}", 1e5, (DownloadColumn, TransferSpeedColumn, TimeRemainingColumn), " MB"
)
PICTURES: Final = Unit(lambda amount: f"{amount:.0f}", 20.0, (MofNCompleteColumn, TimeRemainingColumn), " pictures")
STEPS: Final = Unit(lambda amount: f"{amount:.0f}", 1.0, (MofNCompleteColumn, TimeRemainingColumn))


class Job(Protocol):
    """Shows how far one job is."""

    def update(self, done: float, total: float | None = None, note: str = "") -> None:
        """``done`` is reached, of ``total`` if that is known by now; a note says what the job waits for."""
        ...


@contextmanager
def progress(
    console: Console, name: str, unit: Unit, total: float | None = None, *, as_notes: bool = False
) -> Iterator[Job]:
    """Show one job on a console until the block ends.

    Args:
        console: where to.
        name: the job's name.
        unit: how it is counted.
        total: its length; None if it is not known.
        as_notes: log the lines, also in a terminal: the log becomes JSON where ``--log-format json`` asks for it.
    """
    if as_notes:
        yield _LineJob(_LOG.info, name, unit, total)
    elif not console.is_terminal:
        yield _LineJob(partial(print_line, console), name, unit, total)
    else:
        with bar(console, *(column() for column in unit.columns), transient=True) as shown:
            yield _BarJob(shown, printable(name), unit, total)


@contextmanager
def fetch_progress(console: Console, name: str, *, as_notes: bool = False) -> "Iterator[Report]":
    """Show the download of the model ``name``; the block gets the function that the download reports to."""
    with progress(console, name, BYTES, as_notes=as_notes) as job:

        def report(now: "Fetched") -> None:
            job.update(now.done_bytes, now.total_bytes)

        yield report


def bar(console: Console, *columns: ProgressColumn, transient: bool = False) -> Progress:
    """A bar with its description on the left and ``columns`` on the right; it takes the room that these leave."""
    text = TextColumn("{task.description}", markup=False)
    drawn = BarColumn(bar_width=None, style=ASIDE, complete_style=RUNNING, finished_style=DONE)
    return Progress(text, drawn, *columns, console=console, transient=transient, expand=True)


class _LineJob:
    """A line for every tenth of a job; less often where a tenth is little, or the length is not known."""

    def __init__(self, show: Callable[[str], None], name: str, unit: Unit, total: float | None) -> None:
        self._show = show
        self._name = name
        self._unit = unit
        self._total = total
        self._steps_shown = 0

    def update(self, done: float, total: float | None = None, note: str = "") -> None:
        self._total = total if total is not None else self._total
        if note:
            self._show(f"{self._name}  {note}")
        steps = int(done / max(self._unit.least, (self._total or 0.0) / _LINES_MAX))
        if steps > self._steps_shown:
            self._steps_shown = steps
            of = f" of {self._unit.text(self._total)}" if self._total else ""
            self._show(f"{self._name}  {self._unit.text(done)}{of}{self._unit.suffix}")


class _BarJob:
    """A bar, from the first update on."""

    def __init__(self, shown: Progress, name: str, unit: Unit, total: float | None) -> None:
        self._bar = shown
        self._name = name
        self._unit = unit
        self._task: TaskID = shown.add_task(name, total=total, visible=False)

    def update(self, done: float, total: float | None = None, note: str = "") -> None:
        words = [self._name, self._unit.text(done) if self._unit is SECONDS else "", note]
        description = "  ".join(word for word in words if word)
        self._bar.update(self._task, completed=done, description=description, visible=True)
        if total is not None:
            self._bar.update(self._task, total=total)
