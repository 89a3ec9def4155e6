"""One run that is followed from outside, in a terminal."""

from datetime import datetime
from pathlib import Path
from typing import Final

from stream.errors import is_stop
from stream.records.follower import Follower
from stream.records.reading import layout_of
from stream.records.run_annotations import AnnotationFilter
from stream.records.schema import events
from stream.records.schema.health import Health, now, read_health
from stream.records.schema.manifest import read_manifest
from stream.records.schema.options import by_path
from stream.ui.live import LiveView
from stream.ui.notes import Note
from stream.ui.text import describe

_ENDED: Final = ("finished", "failed")


class RunTail:
    """Shows a run's events, and its position and speed by its heartbeats, since events are rare."""

    def __init__(self, run: Path, since: int, view: LiveView, wanted: AnnotationFilter) -> None:
        """``since`` is the number of the first event to show; ``wanted`` chooses among those of annotations."""
        self._layout = layout_of(run)
        self._follower = Follower(self._layout.events, since)
        self._view = view
        self._wanted = wanted
        self._first: Health | None = None

    def poll(self) -> bool:
        """Show what is new; whether the run has ended, after which it may be resumed.

        Raises:
            DamagedError: a line of the event log is not an event.
        """
        for event, _ in self._follower.poll():
            if self._wanted.passes(event):
                self._view.event(event)
            if isinstance(event, events.RunFailed) and not is_stop(event.exit_code):
                self._view.note(Note(describe(event) or "", "error"))
        if self._follower.has_ended:
            self._view.close()
            return True
        try:
            self._show(read_health(self._layout.health))
        except (OSError, ValueError):  # the run has not begun, or is just starting over
            self._first = None
        return False

    def close(self) -> None:
        """Follow the run no more."""
        self._follower.close()
        self._view.close()

    def _show(self, beat: Health) -> None:
        if beat.state in _ENDED:
            return  # it was resumed a moment ago
        if self._first is None or beat.decoded_s < self._first.decoded_s:
            self._first = beat
        passed_s = (datetime.fromisoformat(beat.time) - datetime.fromisoformat(self._first.time)).total_seconds()
        speed = (beat.decoded_s - self._first.decoded_s) / passed_s if passed_s else 0.0
        manifest = read_manifest(self._layout.manifest)
        is_endless = by_path(manifest.options, "input.loop")
        duration_s = None if is_endless else manifest.source.stream.get("declared_s")
        self._view.progress(beat.decoded_s, duration_s, speed)
        self._view.status(beat.problem(now()) or beat.reason)
