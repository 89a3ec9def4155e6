"""The runs of a folder as they grow: which have changed, and how each one looks now."""

import os
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition
from typing import Final

from exporters.report.live.event_tail import EventTail
from exporters.report.pictures import keyframe_times
from exporters.report.run import key_of, shown_run
from exporters.report.scores import ScoreTracker
from exporters.report.video import video_name
from exporters.report.view import ReportPicture, ShownRun
from exporters.run_view import RunView, view_run
from stream.errors import EgocleanError, sentence_of
from stream.records.reading import layout_of
from stream.records.schema.health import now, read_health
from stream.records.schema.layout import RunLayout

POLL_S: Final = 0.5
_GROWTH_S: Final = 5.0
"""New windows alone are shown this often; a new event is shown at once."""


@dataclass
class _Watched:
    """One run directory."""

    layout: RunLayout
    key: str
    tail: EventTail
    revision: int = 0
    shown_at: float = 0.0
    windows_bytes: int = 0
    health: str = ""
    failure: str = ""
    scores: ScoreTracker | None = None
    shown: ShownRun | None = None
    video: Path | None = None
    """Where its video is, or would be."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a page begins with."""

    version: int
    runs: tuple[ShownRun, ...]
    failures: tuple[tuple[str, str], ...] = ()
    """Run directories that cannot be read, and why."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What is new since a version."""

    version: int
    changed: tuple[str, ...] = ()
    """Keys of runs that are new or have more."""
    gone: tuple[str, ...] = ()


@dataclass
class WatchedRuns:
    """The runs in ``root``, or the one that it is. Nothing outside it is read, wherever symbolic links lead.

    One thread calls ``poll``; any thread may call the others.
    """

    root: Path
    videos: Path | None = None
    """Folder with the videos that ``report --video`` wrote."""
    version: int = 0
    boot: str = field(default_factory=lambda: secrets.token_hex(4))
    """Of this object: versions of another one mean something else."""
    _runs: dict[Path, _Watched] = field(default_factory=dict)
    _gone: dict[str, int] = field(default_factory=dict)
    """Version in which a run went, by key."""
    _keys: set[str] = field(default_factory=set)
    _news: Condition = field(default_factory=Condition)

    def poll(self) -> None:
        """Look for runs and events that are new, and read what has changed.

        Only this reads and scores runs, one after the other; whoever asks meanwhile gets what is known.
        """
        there = self._folders()
        self._forget_all_but(there)
        for path in there:
            if path not in self._runs:
                layout = layout_of(path)
                watched = _Watched(layout, key_of(path.resolve().name, self._keys), EventTail(layout.events))
                with self._news:
                    self._runs[path] = watched
            if _has_news(self._runs[path]):
                self._read(self._runs[path])

    def _forget_all_but(self, there: Sequence[Path]) -> None:
        with self._news:
            for path in [path for path in self._runs if path not in there]:
                watched = self._runs.pop(path)
                self.version += 1
                self._gone[watched.key] = self.version
                self._news.notify_all()

    def _read(self, watched: _Watched) -> None:
        """Read a run again, and tell whoever waits."""
        shown: ShownRun | None = None
        failure = ""
        try:
            shown = self._shown(watched)
        except (EgocleanError, OSError) as error:
            failure = sentence_of(error)
        with self._news:
            watched.shown, watched.failure = shown, failure
            self.version += 1
            watched.revision = self.version
            self._news.notify_all()

    def _shown(self, watched: _Watched) -> ShownRun:
        view = view_run(watched.layout.root)
        watched.scores = watched.scores or ScoreTracker(view.layout, view.detector)
        shown = shown_run(view, watched.key, watched.scores)
        watched.video = self.videos / video_name(view) if self.videos else None
        has_video = self._video_there(watched) is not None
        return shown.model_copy(update=_served(view, watched.key, has_video=has_video))

    def wait(self, since: int, timeout_s: float) -> Changes:
        """What is new since a version; if nothing is within the time, nothing."""
        with self._news:
            self._news.wait_for(lambda: self.version > since, timeout_s)
            runs = self._runs.values()
            return Changes(
                self.version,
                tuple(each.key for each in runs if each.revision > since and each.shown),
                tuple(key for key, version in self._gone.items() if version > since),
            )

    def wake(self) -> None:
        """End all waiting."""
        with self._news:
            self.version += 1
            self._news.notify_all()

    def snapshot(self) -> Snapshot:
        """All runs that have been read."""
        with self._news:
            shown = tuple(each.shown for each in self._runs.values() if each.shown)
            failures = tuple((str(each.layout.root), each.failure) for each in self._runs.values() if each.failure)
            return Snapshot(self.version, shown, failures)

    def run(self, key: str) -> ShownRun | None:
        """One run as it is now; None if there is none of this key, or it cannot be read."""
        with self._news:
            watched = self._of(key)
            return watched.shown if watched else None

    def keyframe(self, key: str, name: str) -> Path | None:
        """The file of a keyframe; None if it is not there, or not inside the folder."""
        with self._news:
            watched = self._of(key)
        return self._inside(watched.layout.keyframes / name, self.root) if watched else None

    def video(self, key: str) -> Path | None:
        """The file of a run's video; None if there is none."""
        with self._news:
            watched = self._of(key)
            return self._video_there(watched) if watched else None

    def _video_there(self, watched: _Watched) -> Path | None:
        if self.videos is None or watched.video is None:
            return None
        return self._inside(watched.video, self.videos)

    def _of(self, key: str) -> _Watched | None:
        return next((each for each in self._runs.values() if each.key == key), None)

    def _folders(self) -> Sequence[Path]:
        """Run directories that have begun, by name."""
        try:
            places = [self.root, *sorted(self.root.iterdir())]
        except OSError:  # it is gone, and may come back
            return []
        return [path for path in places if self._is_inside(path)]

    def _is_inside(self, folder: Path) -> bool:
        """Whether a folder is a run, and neither it nor any of its files is a link that leads out of the root."""
        if not (folder / "events.jsonl").is_file() or self._inside(folder, self.root) is None:
            return False
        layout = layout_of(folder)
        files = (layout.events, layout.manifest, layout.health, layout.annotations, layout.keyframes, *layout.arrays)
        return all(self._inside(path, self.root) is not None for path in files if os.path.lexists(path))

    @staticmethod
    def _inside(path: Path, root: Path) -> Path | None:
        """The path without links, if it exists and is below ``root``."""
        resolved = path.resolve()
        return resolved if resolved.exists() and resolved.is_relative_to(root.resolve()) else None


def _served(view: RunView, key: str, *, has_video: bool) -> Mapping[str, object]:
    """The addresses of a run's pictures and its video on the server."""
    pictures = tuple(
        ReportPicture(t_s=t_ms / 1000, src=f"runs/{key}/keyframes/{t_ms:010d}.jpg")
        for t_ms in keyframe_times(view.layout.keyframes)
    )
    note = "" if pictures else "no pictures: the keyframes are gone; `report` decodes them from the clip"
    return {"pictures": pictures, "pictures_note": note, "video": f"runs/{key}/video" if has_video else None}


def _has_news(watched: _Watched) -> bool:
    """Whether there are new events, another state, or, now and then, new windows."""
    try:
        events = [kind for kind in watched.tail.poll() if kind != "checkpoint"]
    except (OSError, ValueError):  # `view_run` says why the run cannot be shown
        events = []
    if "run.started" in events:
        watched.scores = None
    health = _health(watched.layout)
    windows_bytes = _size(watched.layout.timestamps)
    has_grown = windows_bytes != watched.windows_bytes and time.monotonic() - watched.shown_at >= _GROWTH_S
    if not (events or has_grown or health != watched.health) and watched.revision:
        return False
    watched.health, watched.windows_bytes, watched.shown_at = health, windows_bytes, time.monotonic()
    return True


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
