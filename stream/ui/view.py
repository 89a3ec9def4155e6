"""Views of a run: plain lines in a pipe, JSON lines for programs. The one for a terminal is ``stream.ui.live``."""

import json
from typing import Any, Final, Protocol

import click
from rich.console import Console

from stream.errors import is_stop
from stream.records.schema import events
from stream.records.schema.health import now
from stream.records.store.event_log import as_json
from stream.ui.notes import Level, Note
from stream.ui.text import describe, print_line

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

    def status(self, text: str) -> None:  # noqa: ARG002 - only a terminal can replace it later
        """Show what the run does or waits for; in a terminal alone."""
        return

    def event(self, event: events.Event) -> None:
        """Show an event, which is on disk."""
        ...

    def note(self, note: Note) -> None:
        """Show a message that is not an event."""
        ...

    def close(self) -> None:
        """The run has ended."""
        ...


class PlainView(View):
    """A line for each event; a failure is printed by the command that it ends."""

    def __init__(self, console: Console, prefix: str = "") -> None:
        """``prefix`` of every line."""
        self._console = console
        self._prefix = prefix

    def begin(self, run_id: str) -> None:
        """The run's first event names it."""

    def progress(self, t_s: float, duration_s: float | None, speed: float) -> None:
        """Events show the progress in a pipe."""

    def event(self, event: events.Event) -> None:
        has_failed = isinstance(event, events.RunFailed) and not is_stop(event.exit_code)
        if not has_failed and (line := describe(event)):
            self.note(Note(line))

    def note(self, note: Note) -> None:
        print_line(self._console, f"{self._prefix}{note.text}")

    def close(self) -> None:
        """Nothing is buffered."""


class JsonView(View):
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
