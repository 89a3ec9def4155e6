"""Views of a run: a live table in a terminal, plain lines in a pipe, JSON lines for programs."""

import json
from collections import deque
from typing import Any, Final, Protocol

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from stream.errors import printable
from stream.records.schema import events
from stream.records.schema.health import now
from stream.records.store.event_log import as_json
from stream.ui.notes import Level, Note
from stream.ui.progress import bar
from stream.ui.text import action_text, clock, describe, print_line

_ROWS = 12
_ROWS_MIN: Final = 3
"""Segments that are shown in the lowest terminal."""
_LINES_BESIDE: Final = 3
"""Lines beside segments and notes: the header, the bar and the cursor's."""
_LEVELS: Final[dict[str, Level]] = {
    "source.damaged": "warning",
    "source.lost": "warning",
    "source.gap": "warning",
    "stream.overload": "warning",
    "segment.failed": "warning",
    "stage.restarted": "warning",
    "run.failed": "error",
}
"""Levels of events that report a problem; all others are ``info``."""


class View(Protocol):
    """Shows a run's progress and events."""

    def begin(self, run_id: str) -> None:
        """Show the run of this name."""
        ...

    def progress(self, t_s: float, duration_s: float | None, speed: float) -> None:
        """The source is decoded up to ``t_s`` of ``duration_s``, its length by its header."""
        ...

    def event(self, event: events.Event) -> None:
        """Show an event, which is on disk."""
        ...

    def note(self, note: Note) -> None:
        """Show a message that is not an event."""
        ...

    def close(self) -> None:
        """The run has ended."""
        ...


class PlainView:
    """A line for each event."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def begin(self, run_id: str) -> None:
        """The run's first event names it."""

    def progress(self, t_s: float, duration_s: float | None, speed: float) -> None:
        """Events show the progress in a pipe."""

    def event(self, event: events.Event) -> None:
        if line := describe(event):
            self.note(Note(line))

    def note(self, note: Note) -> None:
        print_line(self._console, note.text)

    def close(self) -> None:
        """Nothing is buffered."""


class LiveView:
    """A table of the latest segments above a bar with position, speed and time left.

    It never outgrows the terminal: a segment has one line, on which a long description ends with an ellipsis (the whole
    one is in the records), notes are folded between words, and as many segments are shown as there is room for.
    """

    def __init__(self, console: Console) -> None:
        self._rows: deque[events.SegmentClosed | events.SegmentOpened] = deque(maxlen=_ROWS)
        self._descriptions: deque[tuple[str, str]] = deque(maxlen=_ROWS)
        """Name and description of each annotated segment."""
        self._notes: deque[str] = deque(maxlen=4)
        self._console = console
        self._bar = bar(console)
        self._task = self._bar.add_task("starting", total=None)
        self._live = Live(self._render(), console=console, refresh_per_second=8)
        self._live.start()

    def begin(self, run_id: str) -> None:
        """The run's first event names it."""

    def progress(self, t_s: float, duration_s: float | None, speed: float) -> None:
        left = f", {clock((duration_s - t_s) / speed)} left" if duration_s and speed and t_s <= duration_s else ""
        self._bar.update(
            self._task, completed=t_s, total=duration_s, description=f"{clock(t_s)}  {speed:.1f} x real time{left}"
        )
        self._live.update(self._render())

    def event(self, event: events.Event) -> None:
        match event:
            case events.SegmentOpened():
                self._rows.append(event)
            case events.SegmentClosed():
                others = [row for row in self._rows if row.segment_id != event.segment_id]
                self._rows = deque([*others, event], maxlen=_ROWS)
            case events.SegmentAnnotated():
                self._descriptions.append((event.segment_id, action_text(event)))
            case _ if line := describe(event):
                self._notes.append(printable(line))
        if isinstance(event, events.RunFinished):
            end_s = event.decoded_s
            self._bar.update(self._task, completed=end_s, total=end_s, description=clock(end_s))
        self._live.update(self._render())

    def note(self, note: Note) -> None:
        self._notes.append(printable(note.text))
        self._live.update(self._render())

    def close(self) -> None:
        self._live.stop()

    def _render(self) -> RenderableType:
        width, height = self._console.size
        notes = [line for note in self._notes for line in Text(note).wrap(self._console, width)]
        notes = notes[-max(1, height - _LINES_BESIDE - _ROWS_MIN) :]
        table = Table(box=None, header_style="dim", padding=(0, 1, 0, 0))
        for name in ("segment", "from", "to", "kind", ""):
            table.add_column(name, no_wrap=True)
        descriptions = dict(self._descriptions)
        room = max(_ROWS_MIN, height - _LINES_BESIDE - len(notes))
        for row in list(self._rows)[-room:]:
            cells = [escape(printable(cell)) for cell in _cells(row, descriptions.get(row.segment_id))]
            table.add_row(*cells, style="yellow" if row.kind == "anomalous" else None)
        return Group(table, *notes, self._bar)


def _cells(row: events.SegmentClosed | events.SegmentOpened, words: str | None) -> tuple[str, ...]:
    if isinstance(row, events.SegmentOpened):
        return row.segment_id, clock(row.t_start_s), "...", row.kind, "open"
    return row.segment_id, clock(row.t_start_s), clock(row.t_end_s), row.kind, words or _figures(row)


def _figures(segment: events.SegmentClosed) -> str:
    """What is known of a segment without a description, in at most 40 characters; all of it is in the records."""
    parts = []
    if segment.score_mean is not None:
        parts.append(f"score {segment.score_mean:.3f}")
    if segment.period_s is not None:
        parts.append(f"every {segment.period_s:.1f} s")
    if segment.damaged_s:
        parts.append(f"{segment.damaged_s:.1f} s lost")
    return ", ".join(parts)


class JsonView:
    """JSON lines: events, as they are on disk, on standard output, and notes on standard error.

    All lines have ``time``, ``level``, ``run_id`` and ``segment_id``, null where there is none. Events add their own
    fields, notes ``process`` and ``message``.
    """

    def __init__(self) -> None:
        self._run_id: str | None = None

    def begin(self, run_id: str) -> None:
        """Name this run in all lines that follow."""
        self._run_id = run_id

    def progress(self, t_s: float, duration_s: float | None, speed: float) -> None:
        """Progress is not an event."""

    def event(self, event: events.Event) -> None:
        about = {"level": _LEVELS.get(event.event, "info"), "run_id": self._run_id, "segment_id": None}
        click.echo(_line({**about, **as_json(event)}))

    def note(self, note: Note) -> None:
        fields = {
            "time": now().isoformat(timespec="milliseconds"),
            "level": note.level,
            "run_id": self._run_id,
            "segment_id": note.segment_id,
            "process": note.process,
            "message": note.text,
            **({"trace": note.trace} if note.trace else {}),
        }
        click.echo(_line(fields), err=True)

    def close(self) -> None:
        """Nothing is buffered."""


def _line(fields: dict[str, Any]) -> str:
    return json.dumps(fields)


def make_view(console: Console) -> View:
    """Make the live view for a terminal, and plain lines for anything else."""
    return LiveView(console) if console.is_terminal else PlainView(console)
