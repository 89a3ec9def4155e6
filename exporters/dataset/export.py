"""Exports runs: plans their episodes, cuts new clips, adds them to the data set, and writes its formats."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from exporters import table
from exporters.dataset.clips import cut_episodes, lens_of
from exporters.dataset.data_set import DataSet
from exporters.dataset.episode import Episode
from exporters.dataset.plan import Wish, plan_run
from exporters.dataset.store import DataSetFiles, Header, Row, RunFacts, Store, open_store
from exporters.run_view import RunView
from stream.errors import EgocleanError

_REWRITE_SHARE: Final = 0.25
"""Formats are written again when the data set has grown by this share, so that an interrupted export is usable."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A run, and the episodes that it gives."""

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
    """Runs whose clips could not be cut, and why."""
    rows: tuple[Row, ...] = ()


Progress = Callable[[float], None]
"""Called with the seconds of video that are done."""


def plan(runs: Sequence[RunView], wish: Wish) -> list[Planned]:
    """The episodes of all runs.

    Raises:
        InputError: one of them is no run.
    """
    return [Planned(run, plan_run(run, wish)) for run in runs]


def export(
    planned: Sequence[Planned],
    folder: Path,
    header: Header,
    *,
    licence: str = "",
    workers: int = 1,
    progress: Progress = lambda _: None,
) -> Report:
    """Bring a data set up to date with runs.

    A run whose clip cannot be cut is reported, and the others are exported.

    Args:
        planned: Runs with their episodes.
        folder: The data set's.
        header: Its formats and options.
        licence: Licence of the sources, for the record.
        workers: Runs whose clips are cut at a time.
        progress: Called as episodes are cut.

    Raises:
        UsageError: the folder holds something else.
        InputError: a format cannot hold these episodes.
        OSError: the disk is full, or fails.
    """
    report, clock = Report(), _Clock(progress)
    views = {each.run.records().run_id: each.run for each in planned}
    with open_store(folder, header) as store:
        written = 0
        for each, episodes in _cut_all(planned, store, workers, clock, report):
            store.put_run(_run_facts(each.run, header, licence))
            _put(store, episodes, report)
            if len(store.rows) > (1 + _REWRITE_SHARE) * written + 16:
                written = len(store.rows)
                write_formats(store, views)
        if store.rows:
            write_formats(store, views)
        report.rows = store.rows
    return report


def write_formats(store: Store, views: dict[str, RunView]) -> None:
    """Write all formats of a data set: each in a folder of its own where there are several."""
    header, folder = store.header, store.files.folder
    data_set = DataSet(store.files, header, store.rows, store.runs, views)
    for name in header.formats:
        own = folder / name if len(header.formats) > 1 else folder
        own.mkdir(parents=True, exist_ok=True)
        table.FORMATS[name].write(data_set, own)


class _Clock:
    """Adds up the seconds that several workers have done; raises where they have to stop."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._done_s: dict[int, float] = {}
        self.stop = threading.Event()

    def update(self, number: int, done_s: float) -> None:
        """A worker has come so far in its run."""
        if self.stop.is_set():
            raise KeyboardInterrupt
        with self._lock:
            self._done_s[number] = done_s
            self._progress(sum(self._done_s.values()))


def _cut_all(
    planned: Sequence[Planned], store: Store, workers: int, clock: _Clock, report: Report
) -> Iterator[tuple[Planned, list[Episode]]]:
    """Cut what is new, several runs at a time, and yield the runs in their order."""
    pending: deque[tuple[Planned, list[Episode], Future[None]]] = deque()
    with _pool(workers, clock) as pool:
        for number, each in enumerate(planned):
            episodes = [store.own_key(episode) for episode in each.episodes]
            missing = [e for e in episodes if store.is_new(e) and store.cut_facts(e) is None]
            job = partial(_cut, each.run, missing, store.files, store.header, partial(clock.update, number))
            pending.append((each, episodes, pool.submit(job)))
            while len(pending) >= 2 * workers or (pending and number == len(planned) - 1):
                done, its, future = pending.popleft()
                try:
                    future.result()
                except EgocleanError as error:
                    report.failures.append((str(done.run.layout.root), error))
                    its = [e for e in its if not store.is_new(e) or store.cut_facts(e) is not None]
                yield done, its


def _cut(run: RunView, missing: list[Episode], files: DataSetFiles, header: Header, progress: Progress) -> None:
    if missing:
        cut_episodes(run, missing, files, header, progress)


@contextmanager
def _pool(workers: int, clock: _Clock) -> Iterator[ThreadPoolExecutor]:
    """Threads that stop at their next picture if the block fails: decoding and encoding release Python's lock."""
    with ThreadPoolExecutor(workers, "cut") as pool:
        try:
            yield pool
        except BaseException:
            clock.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


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


def _run_facts(run: RunView, header: Header, licence: str) -> RunFacts:
    manifest = run.records()
    later = [each.annotator for each in manifest.annotated_later]
    names = ("name", "size_bytes", "sha256", "edges_sha256", "origin", "stream")
    source = {name: value for name, value in manifest.source.model_dump(mode="json").items() if name in names}
    source["name"] = Path(manifest.source.name).name
    annotators: list[dict[str, Any]] = [each for each in (manifest.annotator, *later) if each]
    return RunFacts(
        run_id=manifest.run_id,
        clip=run.stem,
        source=source,
        lens=lens_of(manifest, header),
        encoder=manifest.encoder,
        annotators=tuple(annotators),
        detector=dict(manifest.options["detector"]),
        licence=licence,
    )
