"""Exports runs: plans their episodes, cuts new clips, adds them to the data set, and writes its formats."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final, Self

from exporters import table
from exporters.dataset.clips import cut_episodes, lens_of
from exporters.dataset.data_set import DataSet
from exporters.dataset.episode import Episode, Split
from exporters.dataset.options import ExportOptions
from exporters.dataset.plan import PlanOptions, plan_run
from exporters.dataset.provenance import run_facts
from exporters.dataset.rows import Row
from exporters.dataset.store import Header, Store, open_store
from exporters.run_view import RunView, view_run
from stream.errors import EgocleanError, InputError
from stream.records.worker import worker_of
from stream.sources.run_clip import ClipFinder

_REWRITE_SHARE: Final = 0.25
"""Formats are written again when the data set has grown by this share, so that an interrupted export is usable."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A run and how much of it will be exported. Its records are read again when it is, so many runs take no memory."""

    run_id: str
    folder: Path
    episodes: int
    seconds: float
    """Length of all its episodes."""
    worker: str
    names_worker: bool
    """Whether its records name a worker; otherwise ``worker`` is the clip."""
    split: Split | None
    """None without episodes."""


@dataclass(slots=True)
class Report:
    """What one call did."""

    added: int = 0
    updated: int = 0
    failures: list[tuple[str, EgocleanError]] = field(default_factory=list)
    """Runs that could not be read or cut, and why."""
    episodes: int = 0
    """Of the data set, in the end."""
    seconds: float = 0.0
    """Length of all of them."""


Progress = Callable[[float], None]
"""Called with the seconds of video that are done."""


def plan(runs: Iterable[RunView], options: PlanOptions, report: Report) -> tuple[list[RunPlan], PlanOptions]:
    """How much of each run will be exported; a run that occurs twice counts once, and one that is damaged is reported.

    Returns:
        The plans, and the options with the common frame rate, which is the first episode's if they name none.
    """
    plans: dict[str, RunPlan] = {}
    for run in runs:
        try:
            manifest = run.records()
            if manifest.run_id in plans:
                continue
            episodes = plan_run(run, options)
        except InputError as error:
            report.failures.append((str(run.layout.root), error))
            continue
        if options.fps is None and episodes:
            options = replace(options, fps=episodes[0].fps)
        worker = worker_of(manifest)
        plans[manifest.run_id] = RunPlan(
            run_id=manifest.run_id,
            folder=run.layout.root,
            episodes=len(episodes),
            seconds=sum(episode.duration_s for episode in episodes),
            worker=worker or run.stem,
            names_worker=bool(worker),
            split=episodes[0].split if episodes else None,
        )
    return list(plans.values()), options


def export(
    plans: Sequence[RunPlan],
    folder: Path,
    header: Header,
    options: ExportOptions,
    report: Report,
    progress: Progress = lambda _: None,
) -> None:
    """Bring a data set up to date with runs.

    A run whose clip cannot be cut is reported, and the others are exported.

    Args:
        plans: The runs.
        folder: The data set's.
        header: Its formats and options.
        options: Which episodes, where clips are found, how many are cut at a time, their licence.
        report: Gets what was done.
        progress: Called as episodes are cut.

    Raises:
        UsageError: the folder holds something else.
        InputError: a format cannot hold these episodes.
        OSError: the disk is full, or fails.
    """
    folders = {each.run_id: each.folder for each in plans}
    has_clips = any(table.FORMATS[name].has_clips for name in header.formats)
    with open_store(folder, header) as store:
        written = 0
        runs = _planned_runs(plans, options, header.fps, store, report)
        if has_clips:
            runs = _cut_all(runs, _Cutter(store, ClipFinder(options.clips), options.workers, progress), report)
        for run, episodes in runs:
            if not episodes:
                continue
            store.put_run(run_facts(run, lens_of(run.records(), header), options.licence))
            _put(store, episodes, report)
            if len(store.rows) > (1 + _REWRITE_SHARE) * written + 16:
                written = len(store.rows)
                write_formats(store, folders)
        if store.rows:
            write_formats(store, folders)
        report.episodes = len(store.rows)
        report.seconds = sum(row.episode.duration_s for row in store.rows)


def write_formats(store: Store, run_folders: dict[str, Path]) -> None:
    """Write all formats of a data set; if there are several, each gets a folder of its own."""
    header, folder = store.header, store.files.folder
    data_set = DataSet(store.files, header, store.rows, store.runs, run_folders)
    for name in header.formats:
        own = folder / name if len(header.formats) > 1 else folder
        own.mkdir(parents=True, exist_ok=True)
        table.FORMATS[name].write(data_set, own)


def _planned_runs(
    plans: Sequence[RunPlan], options: ExportOptions, fps: int, store: Store, report: Report
) -> Iterator[tuple[RunView, list[Episode]]]:
    """The runs with their episodes, under the keys that these have in the data set."""
    wanted = options.plan_options(fps)
    for each in plans:
        try:
            run = view_run(each.folder, options.annotation)
            yield run, [store.own_key(episode) for episode in plan_run(run, wanted)]
        except InputError as error:
            report.failures.append((str(each.folder), error))


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

    def done(self, episodes: Sequence[Episode]) -> list[Episode]:
        """Those whose clips are cut."""
        return [episode for episode in episodes if self._store.has_clip(episode)]

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
    runs: Iterable[tuple[RunView, list[Episode]]], cutter: _Cutter, report: Report
) -> Iterator[tuple[RunView, list[Episode]]]:
    """Cut what is new, several runs at a time, and yield the runs in their order."""
    pending: deque[tuple[RunView, list[Episode], Future[None]]] = deque()

    def finished() -> tuple[RunView, list[Episode]]:
        run, episodes, future = pending.popleft()
        try:
            future.result()
        except EgocleanError as error:
            report.failures.append((str(run.layout.root), error))
        return run, cutter.done(episodes)

    with cutter:
        for run, episodes in runs:
            pending.append((run, episodes, cutter.start(run, episodes)))
            if len(pending) >= 2 * cutter.workers:
                yield finished()
        while pending:
            yield finished()


def _put(store: Store, episodes: Sequence[Episode], report: Report) -> None:
    rows = []
    for episode in episodes:
        if store.is_new(episode):
            rows.append(Row(episode=episode, cut=store.cut_facts(episode)))
            report.added += 1
        elif (row := store.row_of(episode.key)).episode != episode:
            rows.append(row.model_copy(update={"episode": episode}))
            report.updated += 1
    store.put_rows(rows)
