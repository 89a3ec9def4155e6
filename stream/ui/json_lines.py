"""What a program sees of a run: every line one JSON object, with the run and the segment that it is about."""

import json
import os
import sys
from typing import Any, Final

import click

from stream.records.schema import events
from stream.records.schema.health import now
from stream.records.store.event_log import as_json
from stream.ui.notes import Level, Note

_LEVELS: Final[dict[str, Level]] = {
    "source.damaged": "warning",
    "source.lost": "warning",
    "source.gap": "warning",
    "stream.overload": "warning",
    "segment.failed": "warning",
    "stage.restarted": "warning",
    "run.failed": "error",
}
"""Of the events that are not good news."""


class JsonView:
    """Events on standard output, each as it is on disk and more; what is no event on standard error.

    All lines have ``time``, ``level``, ``run_id`` and ``segment_id``, null where there is none; an event has its own
    fields besides, a note ``process`` and ``message``.
    """

    def __init__(self) -> None:
        self._run_id: str | None = None

    def begin(self, run_id: str) -> None:
        """All lines from now on are of this run."""
        self._run_id = run_id

    def progress(self, t_s: float, duration_s: float | None, speed: float) -> None:
        """Progress is no event."""

    def event(self, event: events.Event) -> None:
        about = {"level": _LEVELS.get(event.event, "info"), "run_id": self._run_id, "segment_id": None}
        try:
            click.echo(_line({**about, **as_json(event)}))
        except BrokenPipeError:  # the reader has gone, which is its right: the run goes on
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

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
        """Nothing is held back."""


def _line(fields: dict[str, Any]) -> str:
    return json.dumps(fields)
