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
from exporters.report.live.watched import WatchedRun
from exporters.report.pictures import keyframe_times
from exporters.report.run import key_of, shown_run
from exporters.report.scores import ScoreTracker
from exporters.report.video import video_name
from exporters.report.view import ShownRun
from exporters.run_view import view_run
from stream.errors import sentence_of
from stream.records.folders import begun_runs
from stream.records.reading import layout_of

POLL_S: Final = 0.5


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
    """Keys of those that are no longer there, or can no longer be read."""


@dataclass(frozen=True, slots=True)
class RunPart:
    """A run whose long lists lack what a page has already."""

    version: int
    run: ShownRun
    same: Mapping[str, int]
    """Number of the first items, by list, that are as the page has them."""


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
    _runs: dict[Path, WatchedRun] = field(default_factory=dict)
    _gone: dict[str, int] = field(default_factory=dict)
    """Version in which a run went, by key."""
    _keys: set[str] = field(default_factory=set)
    _news: Condition = field(default_factory=Condition)

    def poll(self) -> None:
        """Look for runs and events that are new, and read what has changed.

        Only this reads and scores runs, one after the other; whoever asks meanwhile gets what is known. A run's links
        are examined before each time that it is read.
        """
        there = [path for path in self._folders() if path in self._runs or self._is_inside(path)]
        self._forget([*self._runs.keys() - set(there)])
        for path in there:
            if path not in self._runs:
                self._add(path)
            if not self._runs[path].is_due():
                continue
            if self._is_inside(path):
                self._read(self._runs[path])
            else:
                self._forget([path])

    def _add(self, path: Path) -> None:
        layout = layout_of(path)
        with self._news:
            key = key_of(Path(os.path.realpath(path)).name, self._keys)
            self._gone.pop(key, None)
            self._runs[path] = WatchedRun(layout, key, EventTail(layout.events))

    def _forget(self, paths: Sequence[Path]) -> None:
        with self._news:
            for path in paths:
                key = self._runs.pop(path).key
                self._keys.discard(key)
                self.version += 1
                self._gone[key] = self.version
                self._news.notify_all()

    def _read(self, watched: WatchedRun) -> None:
        """Read a run again, and tell whoever waits."""
        shown: ShownRun | None = None
        failure = ""
        began_s = time.thread_time()
        try:
            shown = self._shown(watched)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one run, the page says it and shows the others
            failure = sentence_of(error)
        with self._news:
            self.version += 1
            if shown is not None:
                watched.growth.add(self.version, watched.shown, shown)
            watched.shown, watched.failure, watched.revision = shown, failure, self.version
            self._news.notify_all()
        watched.was_read(time.thread_time() - began_s)

    def _shown(self, watched: WatchedRun) -> ShownRun:
        view = view_run(watched.layout.root)
        watched.layout = view.layout
        watched.scores = watched.scores or ScoreTracker(view.layout, view.detector)
        shown = shown_run(view, watched.key, watched.scores)
        watched.video = self.videos / video_name(view) if self.videos else None
        pictures = watched.shown_pictures(keyframe_times(view.layout.keyframes))
        note = "" if pictures else "no pictures: the keyframes are gone; `report` decodes them from the clip"
        video = None if self._video_there(watched) is None else f"runs/{watched.key}/video"
        return shown.model_copy(update={"pictures": pictures, "pictures_note": note, "video": video})

    def wait(self, since: int, timeout_s: float) -> Changes:
        """What is new since a version; if nothing is within the time, nothing."""
        with self._news:
            self._news.wait_for(lambda: self.version > since, timeout_s)
            new = [each for each in self._runs.values() if each.revision > since]
            gone = [key for key, version in self._gone.items() if version > since]
            return Changes(
                self.version,
                tuple(each.key for each in new if each.shown),
                (*gone, *(each.key for each in new if not each.shown)),
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

    def run(self, key: str, since: int = 0) -> RunPart | None:
        """What is new in a run since a version; None if there is none of this key, or it cannot be read."""
        with self._news:
            watched = self._of(key)
            if watched is None or watched.shown is None:
                return None
            run, same = watched.growth.since(since, watched.shown)
            return RunPart(self.version, run, same)

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

    def _video_there(self, watched: WatchedRun) -> Path | None:
        if self.videos is None or watched.video is None:
            return None
        return self._inside(watched.video, self.videos)

    def _of(self, key: str) -> WatchedRun | None:
        return next((each for each in self._runs.values() if each.key == key), None)

    def _folders(self) -> Sequence[Path]:
        """Run directories that have begun, by name."""
        try:
            return begun_runs(self.root)
        except OSError:  # it is gone, and may come back
            return []

    def _is_inside(self, folder: Path) -> bool:
        """Whether a folder is a run, and neither it nor any of its files is a link that leads out of the root."""
        if self._inside(folder, self.root) is None:
            return False
        layout = layout_of(folder)
        described = (layout.annotation_folder, *layout.annotation_folder.glob("*.json"))
        files = (layout.events, layout.manifest, layout.health, layout.annotations, layout.keyframes, *layout.arrays)
        return all(self._inside(path, self.root) is not None for path in (*files, *described) if os.path.lexists(path))

    @staticmethod
    def _inside(path: Path, root: Path) -> Path | None:
        """The path without links, if it exists and is below ``root``."""
        resolved = Path(os.path.realpath(path))
        return resolved if resolved.exists() and resolved.is_relative_to(os.path.realpath(root)) else None
