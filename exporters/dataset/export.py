"""Exports runs: plans their episodes, cuts new clips, adds them to the data set, and writes its formats."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Self

from exporters import table
from exporters.dataset.clips import cut_episodes, lens_of
from exporters.dataset.data_set import DataSet
from exporters.dataset.episode import Episode
from exporters.dataset.options import ExportOptions
from exporters.dataset.plan import PlanOptions, plan_run
from exporters.dataset.provenance import run_facts
from exporters.dataset.sources import ClipFinder
from exporters.dataset.store import Header, Row, Store, open_store
from exporters.run_view import RunView
from stream.errors import EgocleanError

_REWRITE_SHARE: Final = 0.25
"""Formats are written again when the data set has grown by this share, so that an interrupted export is usable."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A run and its planned episodes."""

    run: RunView
    episodes: list[Episode]

    @property
    def seconds(self) -> float:
        """Length of all its episodes."""
        return sum(episode.duration_s for episode in self.episodes)


@dataclass(slots=True)
class Report:
    """What one call did."""

    added: int = 0
    updated: int = 0
    failures: list[tuple[str, EgocleanError]] = field(default_factory=list)
    """Runs that could not be read or cut, and why."""
    rows: tuple[Row, ...] = ()


Progress = Callable[[float], None]
"""Called with the seconds of video that are done."""


def plan(runs: Sequence[RunView], options: PlanOptions) -> list[Planned]:
    """The episodes of all runs; a run that occurs twice counts once.

    Raises:
        InputError: one of them is not a run.
    """
    by_id: dict[str, RunView] = {}
    for run in runs:
        by_id.setdefault(run.records().run_id, run)
    return [Planned(run, plan_run(run, options)) for run in by_id.values()]


def export(
    planned: Sequence[Planned],
    folder: Path,
    header: Header,
    options: ExportOptions,
    report: Report,
    progress: Progress = lambda _: None,
) -> None:
    """Bring a data set up to date with runs.

    A run whose clip cannot be cut is reported, and the others are exported.

    Args:
        planned: Runs with their episodes.
        folder: The data set's.
        header: Its formats and options.
        options: Where clips are found, how many are cut at a time, their licence.
        report: Gets what was done.
        progress: Called as episodes are cut.

    Raises:
        UsageError: the folder holds something else.
        InputError: a format cannot hold these episodes.
        OSError: the disk is full, or fails.
    """
    views = {each.run.records().run_id: each.run for each in planned}
    with open_store(folder, header) as store:
        written = 0
        cutter = _Cutter(store, ClipFinder(options.clips), options.workers, progress)
        for each, episodes in _cut_all(planned, cutter, store, report):
            if not episodes:
                continue
            store.put_run(run_facts(each.run, lens_of(each.run.records(), header), options.licence))
            _put(store, episodes, report)
            if len(store.rows) > (1 + _REWRITE_SHARE) * written + 16:
                written = len(store.rows)
                write_formats(store, views)
        if store.rows:
            write_formats(store, views)
        report.rows = store.rows


def write_formats(store: Store, views: dict[str, RunView]) -> None:
    """Write all formats of a data set; if there are several, each gets a folder of its own."""
    header, folder = store.header, store.files.folder
    data_set = DataSet(store.files, header, store.rows, store.runs, views)
    for name in header.formats:
        own = folder / name if len(header.formats) > 1 else folder
        own.mkdir(parents=True, exist_ok=True)
        table.FORMATS[name].write(data_set, own)


class _Cutter:
    """Cuts the clips of several runs at a time, in threads: decoding and encoding release Python's lock."""

    def __init__(self, store: Store, finder: ClipFinder, workers: int, progress: Progress) -> None:
        self.workers = workers
        self._store, self._finder, self._progress = store, finder, progress
        self._pool = ThreadPoolExecutor(workers, "cut")
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._done_s: dict[str, float] = {}
        """Seconds of video that are done, by run."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for the threads; if the block failed, they stop at their next picture."""
        if kind is not None:
            self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def start(self, run: RunView, episodes: Sequence[Episode]) -> Future[None]:
        """Cut the missing clips of a run's episodes."""
        return self._pool.submit(self._cut, run, [e for e in episodes if not self._store.has_clip(e)], episodes)

    def _cut(self, run: RunView, missing: list[Episode], episodes: Sequence[Episode]) -> None:
        present_s = sum(e.duration_s for e in episodes) - sum(e.duration_s for e in missing)
        update = partial(self._update, run.records().run_id, present_s)
        update(0.0)
        if missing:
            source = self._finder.find(run.records())
            cut_episodes(run, source, missing, self._store.files, self._store.header, update)

    def _update(self, run_id: str, present_s: float, cut_s: float) -> None:
        if self._stop.is_set():
            raise KeyboardInterrupt
        with self._lock:
            self._done_s[run_id] = present_s + cut_s
            self._progress(sum(self._done_s.values()))


def _cut_all(
    planned: Sequence[Planned], cutter: _Cutter, store: Store, report: Report
) -> Iterator[tuple[Planned, list[Episode]]]:
    """Cut what is new, several runs at a time, and yield the runs in their order."""
    pending: deque[tuple[Planned, list[Episode], Future[None]]] = deque()
    with cutter:
        for number, each in enumerate(planned):
            episodes = [store.own_key(episode) for episode in each.episodes]
            pending.append((each, episodes, cutter.start(each.run, episodes)))
            while len(pending) >= 2 * cutter.workers or (pending and number == len(planned) - 1):
                done, its, future = pending.popleft()
                try:
                    future.result()
                except EgocleanError as error:
                    report.failures.append((str(done.run.layout.root), error))
                yield done, [episode for episode in its if store.has_clip(episode)]


def _put(store: Store, episodes: Sequence[Episode], report: Report) -> None:
    rows = []
    for episode in episodes:
        if store.is_new(episode):
            clip = store.cut_facts(episode)
            if clip is not None:
                rows.append(Row(episode=episode, clip=clip))
                report.added += 1
        elif (row := store.row_of(episode.key)).episode != episode:
            rows.append(row.model_copy(update={"episode": episode}))
            report.updated += 1
    store.put_rows(rows)
