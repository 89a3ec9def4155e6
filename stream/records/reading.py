"""Reading a run directory, growing or finished: nothing here writes, and nothing disturbs the run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream.errors import DamagedError, InputError, UsageError
from stream.records.follower import follow
from stream.records.run_annotations import (
    RunAnnotation,
    annotations_in,
    chosen_in,
    events_of,
    layout_of_annotation,
)
from stream.records.schema.annotations import Action, read_annotations
from stream.records.schema.events import Event, Outcome, RunFinished, RunStarted, SegmentClosed
from stream.records.schema.layout import RunLayout
from stream.records.schema.manifest import Manifest, read_manifest
from stream.records.store.event_log import read_events
from stream.records.store.keyframes import keyframes_within
from stream.records.store.versions import require_readable

if TYPE_CHECKING:  # a program that reads no arrays starts without numpy
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its directory describes it at the moment; every call reads the files again.

    Its segments may have been described several times. ``actions``, ``outcomes`` and ``finish`` are of one annotation:
    the chosen one, or else the default.

    Each method raises ``DamagedError`` where a file is not what a run writes, ``NewerVersionError`` where a newer
    version wrote it, and ``OSError`` where it is missing.
    """

    layout: RunLayout
    """Paths of all files."""
    annotation: str | None = None
    """Name of the chosen annotation; None: the default one."""

    def manifest(self) -> Manifest:
        """Provenance: source, options, models, versions, and what the run used."""
        return read_manifest(self.layout.manifest)

    def events(self) -> Iterator[Event]:
        """All events so far, in order, of all annotations."""
        return read_events(self.layout.events)

    def annotations(self) -> list[RunAnnotation]:
        """The annotations so far, in the order in which they began."""
        return annotations_in(list(self.events()))

    def segments(self) -> list[SegmentClosed]:
        """All closed segments so far, in order of time."""
        return [event for event in self.events() if isinstance(event, SegmentClosed)]

    def actions(self) -> list[Action]:
        """The annotated actions so far, in order of time; none before the first is annotated.

        Raises:
            InputError: there is no annotation of the chosen name.
        """
        log = list(self.events())
        own = layout_of_annotation(self.layout, log, chosen_in(log, self.annotation, self.layout.root))
        return read_annotations(own.annotations) if own.annotations.exists() else []

    def outcomes(self) -> dict[str, Outcome]:
        """The outcome of each segment that has one, by ``segment_id``.

        Raises:
            InputError: as ``actions``.
        """
        return {event.segment_id: event for event in self._own_events() if isinstance(event, Outcome)}

    def finish(self) -> RunFinished | None:
        """The accounting of a finished run; None while it grows, or where it was interrupted.

        Raises:
            InputError: as ``actions``.
        """
        *_, last = None, *(event for event in self._own_events() if isinstance(event, RunFinished))
        return last

    def _own_events(self) -> list[Event]:
        log = list(self.events())
        return events_of(log, chosen_in(log, self.annotation, self.layout.root))

    def timestamps(self) -> npt.NDArray[Any]:
        """(N,) float64, seconds: the time of each window. Memory-mapped, as are the arrays below."""
        return _array(self.layout.timestamps)

    def embeddings(self) -> npt.NDArray[Any]:
        """(N, D) float32: the mean embedding of each window."""
        return _array(self.layout.embeddings)

    def temporal_tokens(self) -> npt.NDArray[Any]:
        """(N, T, D) float16: the embedding of each tubelet of each window."""
        return _array(self.layout.temporal)

    def keyframes(self, segment: SegmentClosed) -> list[Path]:
        """JPEG files of a segment's keyframes that are still there, in order of time."""
        return keyframes_within(self.layout.keyframes, segment.t_start_s, segment.t_end_s)

    def follow(self, since: int = 0) -> Iterator[Event]:
        """Events from number ``since`` on as they are written; ends after the run's last one."""
        return (event for event, _ in follow(self.layout.events, since))


def _array(path: Path) -> npt.NDArray[Any]:
    from stream.records.store.arrays import load

    return load(path)


def open_run(directory: Path | str, annotation: str | None = None) -> Run:
    """The run in a directory, which may have been copied or renamed since.

    ``annotation`` chooses one of its annotations by name; None: the default one.

    Raises:
        InputError: no run has begun there, or it has no annotation of that name.
    """
    run = Run(layout_of(Path(directory)), annotation)
    if not run.layout.events.is_file():
        raise InputError(f"{directory} holds no run: {run.layout.events.name} is missing")
    if annotation is not None:
        chosen_in(list(run.events()), annotation, directory)
    return run


@contextmanager
def reading_run(layout: RunLayout) -> Iterator[None]:
    """Read a run's records in this block, to show them: one that is damaged is an input that cannot be read.

    Raises:
        InputError: a record is missing, or is not what this version of a run writes.
        NewerVersionError: a newer version wrote a record, whichever.
    """
    try:
        require_readable(layout)
        yield
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read: {error.strerror}") from error
    except DamagedError as error:
        raise InputError(str(error)) from error


def layout_of(directory: Path) -> RunLayout:
    """Paths of the run in a directory, also before it has begun.

    The files have the stem that ``run.started`` names; where there is none, or it is not a file name, they have the
    name of the directory.
    """
    stem = _recorded_stem(RunLayout(directory, "").events)
    return RunLayout(directory, stem or Path(os.path.realpath(directory)).name)


def _recorded_stem(path: Path) -> str | None:
    try:
        first = next(read_events(path), None)
    except (OSError, UsageError):
        return None  # the reader of the events reports it
    if not isinstance(first, RunStarted) or Path(first.stem).name != first.stem:
        return None
    return first.stem
