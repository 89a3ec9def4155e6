"""One run directory as the live page sees it: whether there is anything new, and when it may be read again."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from exporters.report.live.event_tail import EventTail
from exporters.report.live.growth import RunGrowth
from exporters.report.scores import ScoreTracker
from exporters.report.view import ReportPicture, ShownRun
from stream.errors import EgocleanError
from stream.records.schema.health import now, read_health
from stream.records.schema.layout import RunLayout

_GROWTH_S: Final = 5.0
"""New windows alone are shown this often; a new event is shown at once."""
_FREE_S: Final = 0.1
"""CPU time for which a run is read at any time."""
_REST: Final = 9.0
"""After a longer read, so many times its CPU time without one: a long run takes at most a tenth of a core."""
_ENDED: Final = ("finished", "failed")


@dataclass
class WatchedRun:
    """One run directory."""

    layout: RunLayout
    key: str
    tail: EventTail
    revision: int = 0
    """Version of the folder in which it last changed; 0: it has not been read."""
    growth: RunGrowth = field(default_factory=RunGrowth)
    scores: ScoreTracker | None = None
    shown: ShownRun | None = None
    failure: str = ""
    """Why it cannot be shown."""
    video: Path | None = None
    """Where its video is, or would be."""
    pictures: dict[int, ReportPicture] = field(default_factory=dict)
    """Those that were shown last, by their times in milliseconds."""
    _is_new: bool = True
    _read_at: float = 0.0
    _rests_until: float = 0.0
    _windows_bytes: int = 0
    _health: str = ""

    def is_due(self) -> bool:
        """Whether there are new events, another state, or, now and then, new windows, and it has rested."""
        events = self._events()
        if "run.started" in events:
            self.scores = None
        has_ended = self.shown is not None and self.shown.state in _ENDED and not events
        health = self._health if has_ended else _health(self.layout)
        windows_bytes = _size(self.layout.timestamps)
        has_grown = windows_bytes != self._windows_bytes and time.monotonic() - self._read_at >= _GROWTH_S
        self._is_new = self._is_new or bool(events) or has_grown or health != self._health
        self._health = health
        if not self._is_new or time.monotonic() < self._rests_until:
            return False
        self._windows_bytes = windows_bytes
        return True

    def was_read(self, cpu_s: float) -> None:
        """Note that it has been read, and how much CPU time that took."""
        self._is_new, self._read_at = False, time.monotonic()
        self._rests_until = self._read_at + (_REST * cpu_s if cpu_s > _FREE_S else 0.0)

    def shown_pictures(self, times_ms: Sequence[int]) -> tuple[ReportPicture, ...]:
        """Its keyframes, with their addresses on the server."""
        known = self.pictures
        self.pictures = {
            t_ms: known.get(t_ms) or ReportPicture(t_s=t_ms / 1000, src=f"runs/{self.key}/keyframes/{t_ms:010d}.jpg")
            for t_ms in times_ms
        }
        return tuple(self.pictures.values())

    def _events(self) -> list[str]:
        try:
            return [kind for kind in self.tail.poll() if kind != "checkpoint"]
        except (OSError, ValueError, RecursionError):  # `view_run` says why the run cannot be shown
            return []


def _health(layout: RunLayout) -> str:
    try:
        health = read_health(layout.health)
        return f"{health.state} {bool(health.problem(now()))}"
    except (OSError, ValueError, EgocleanError):
        return ""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
