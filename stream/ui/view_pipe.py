"""The view of a run in another process, through a pipe: each call is a line of JSON, and the reader repeats it."""

import json
import time
from typing import Any, Final

import click

from stream.records.schema import events
from stream.records.store.event_log import as_json
from stream.ui.notes import Note
from stream.ui.view import View

_PROGRESS_S: Final = 0.2
"""Least time between two reports of progress."""


class PipeView(View):
    """Writes each call to standard output."""

    def __init__(self) -> None:
        self._reported_at = -_PROGRESS_S

    def begin(self, run_id: str) -> None:
        _write("begin", run_id)

    def progress(self, t_s: float, duration_s: float | None, speed: float) -> None:
        if (now_s := time.monotonic()) - self._reported_at >= _PROGRESS_S:
            self._reported_at = now_s
            _write("progress", [t_s, duration_s, speed])

    def event(self, event: events.Event) -> None:
        _write("event", as_json(event))

    def note(self, note: Note) -> None:
        for line in (note.trace or "").splitlines():
            _write("note", {"text": line, "level": note.level})
        _write("note", {"text": note.text, "level": note.level})

    def close(self) -> None:
        """The reader sees the end of the pipe."""


def repeat(line: str, view: View) -> None:
    """Make the call of one line on another view; any other line, such as a library's, is a note."""
    try:
        call = json.loads(line)
        (name, value), *_ = call.items()
    except (ValueError, AttributeError):
        view.note(Note(line))
        return
    match name:
        case "begin":
            view.begin(value)
        case "progress":
            view.progress(*value)
        case "event":
            view.event(events.EVENT.validate_json(json.dumps(value)))
        case "note":
            view.note(Note(**value))
        case _:
            view.note(Note(line))


def _write(name: str, value: Any) -> None:  # noqa: ANN401 - what JSON can hold
    click.echo(json.dumps({name: value}))
