"""What a person sees of a run: a live table in a terminal, plain lines in a pipe."""

from collections import deque
from datetime import timedelta
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from stream.errors import printable
from stream.records.schema import events
from stream.records.schema.reasons import SPOOL_FULL
from stream.ui.notes import Note

_ROWS = 12


def clock(t_s: float) -> str:
    """Stream time for people: ``0:01:02.3``."""
    whole, tenths = divmod(round(t_s * 10), 10)
    return f"{timedelta(seconds=whole)}.{tenths}"


def describe(event: events.Event) -> str | None:  # noqa: C901, PLR0911 - one line a kind of event reads best
    """One line for an event that a person wants to read, None for the others."""
    match event:
        case events.RunStarted():
            return f"run {event.run_id}: {event.source}, encoder {event.encoder}, annotator {event.annotator}"
        case events.SegmentOpened(kind="anomalous"):
            return f"{event.segment_id}  anomaly since {clock(event.t_start_s)}, seen at {clock(event.detected_at_s)}"
        case events.SegmentClosed():
            return f"{event.segment_id}  {_span(event)}  {event.kind:9}  {_details(event)}"
        case events.SegmentAnnotated() | events.SegmentFailed() | events.SegmentSkipped():
            return _outcome(event)
        case events.SourceDamaged():
            span = f"{clock(event.t_start_s)} to {clock(event.t_end_s)}"
            return f"source damaged  {span}, {event.packets} packets lost: {event.reason}"
        case events.SourceLost() | events.SourceGap() | events.StreamOverload():
            return _of_live_source(event)
        case events.StageRestarted():
            what = "annotator" if event.process == "annotate" else "chain"
            return f"the {what} was started again: {event.reason}"
        case events.RunResumed():
            return f"run {event.run_id} goes on, {event.windows} windows are embedded already"
        case events.RunFinished():
            return _summary(event)
        case events.RunFailed():
            return f"run ended early: {event.reason}"
        case _:
            return None


def _span(event: events.SegmentClosed) -> str:
    return f"{clock(event.t_start_s)} to {clock(event.t_end_s)}"


def _details(event: events.SegmentClosed) -> str:
    parts = [f"closed by {event.closed_by}"]
    if event.score_mean is not None:
        parts.append(f"score {event.score_mean:.3f}")
    if event.period_s is not None:
        parts.append(f"repeats every {event.period_s:.1f} s")
    if event.damaged_s:
        parts.append(f"{event.damaged_s:.2f} s damaged")
    return ", ".join(parts)


def _of_live_source(event: events.SourceLost | events.SourceGap | events.StreamOverload) -> str:
    if isinstance(event, events.SourceLost):
        return f"source lost  at {clock(event.t_s)}, it is sought: {event.reason}"
    span = f"{clock(event.t_start_s)} to {clock(event.t_end_s)}"
    if isinstance(event, events.SourceGap):
        return f"source back  {span} are missing: {event.reason}"
    parts = [f"{event.windows_skipped} windows skipped"] if event.windows_skipped else []
    if event.packets_dropped:
        parts.append(f"{event.packets_dropped} packets not decoded")
    return f"overload  {span}, {', '.join(parts)}: {event.reason}"


def _outcome(event: events.Outcome) -> str | None:
    match event:
        case events.SegmentAnnotated():
            return f"{event.segment_id}  {_words(event)}"
        case events.SegmentFailed():
            return f"{event.segment_id}  failed: {printable(event.reason)}"
        case events.SegmentSkipped(same_as=str()):
            return f"{event.segment_id}  like {event.same_as}, cosine {event.similarity:.3f}: not described"
        case _:
            return f"{event.segment_id}  skipped: {event.reason}" if event.reason == SPOOL_FULL else None


def _words(event: events.SegmentAnnotated) -> str:
    """What was seen, as others have put it."""
    seen = "; ".join(event.subtasks) or "idle"
    return printable(f"{seen} ({', '.join(event.objects)})" if event.objects else seen)


def _summary(event: events.RunFinished) -> str:
    speed = event.decoded_s / event.wall_s if event.wall_s else 0.0
    damage = f", {event.damaged_s:.2f} s damaged" if event.damaged_s else ""
    damage += f", source away for {event.gap_s:.1f} s" if event.gap_s else ""
    damage += f", {event.windows_skipped} windows skipped" if event.windows_skipped else ""
    damage += f", {event.dropped_s:.1f} s dropped" if event.dropped_s else ""
    described = f", {clock(event.annotated_s)} described" if event.annotated_s else ""
    failed = f", {clock(event.failed_s)} failed" if event.failed_s else ""
    return (
        f"finished: {clock(event.decoded_s)} of video in {event.wall_s:.1f} s ({speed:.1f} x real time), "
        f"{event.segments} segments, {event.anomalous} anomalous{described}{failed}{damage}"
    )


class View(Protocol):
    """Where a run's progress and events are shown."""

    def begin(self, run_id: str) -> None:
        """The run that is shown has this name."""
        ...

    def progress(self, t_s: float, duration_s: float | None, speed: float) -> None:
        """The source has been decoded up to ``t_s``; ``duration_s`` is what its container promises."""
        ...

    def event(self, event: events.Event) -> None:
        """An event is on disk."""
        ...

    def note(self, note: Note) -> None:
        """Something to say that is no event."""
        ...

    def close(self) -> None:
        """The run has ended."""
        ...


class PlainView:
    """One line an event."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def begin(self, run_id: str) -> None:
        """The run's first event says it."""

    def progress(self, t_s: float, duration_s: float | None, speed: float) -> None:
        """A pipe wants no progress bar."""

    def event(self, event: events.Event) -> None:
        if line := describe(event):
            self.note(Note(line))

    def note(self, note: Note) -> None:
        self._console.print(printable(note.text), markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Nothing is held back."""


class LiveView:
    """A table of the newest segments over a bar with position, speed and time left."""

    def __init__(self, console: Console) -> None:
        self._rows: deque[events.SegmentClosed | events.SegmentOpened] = deque(maxlen=_ROWS)
        self._said: deque[tuple[str, str]] = deque(maxlen=_ROWS)
        """Of each segment that was described, its name and the words."""
        self._notes: deque[str] = deque(maxlen=4)
        self._bar = Progress(TextColumn("{task.description}"), BarColumn(bar_width=40), console=console)
        self._task = self._bar.add_task("starting", total=None)
        self._live = Live(self._render(), console=console, refresh_per_second=8)
        self._live.start()

    def begin(self, run_id: str) -> None:
        """The run's first event says it."""

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
                kept = [row for row in self._rows if row.segment_id != event.segment_id]
                self._rows = deque([*kept, event], maxlen=_ROWS)
            case events.SegmentAnnotated():
                self._said.append((event.segment_id, _words(event)))
            case _ if line := describe(event):
                self._notes.append(printable(line))
        self._live.update(self._render())

    def note(self, note: Note) -> None:
        self._notes.append(printable(note.text))
        self._live.update(self._render())

    def close(self) -> None:
        self._live.stop()

    def _render(self) -> RenderableType:
        table = Table(box=None, header_style="dim", pad_edge=False)
        for name in ("segment", "from", "to", "kind", ""):
            table.add_column(name)
        said = dict(self._said)
        for row in self._rows:
            cells = [escape(printable(cell)) for cell in _cells(row, said.get(row.segment_id))]
            table.add_row(*cells, style="yellow" if row.kind == "anomalous" else None)
        return Group(table, *(escape(note) for note in self._notes), self._bar)


def _cells(row: events.SegmentClosed | events.SegmentOpened, words: str | None) -> tuple[str, ...]:
    if isinstance(row, events.SegmentOpened):
        return row.segment_id, clock(row.t_start_s), "...", row.kind, "open"
    return row.segment_id, clock(row.t_start_s), clock(row.t_end_s), row.kind, words or _details(row)


def make_view(console: Console) -> View:
    """The live view for a terminal, and plain lines for anything else."""
    return LiveView(console) if console.is_terminal else PlainView(console)
