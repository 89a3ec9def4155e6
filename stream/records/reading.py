"""Reading a run directory, growing or finished: nothing here writes, and nothing disturbs the run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream.errors import InputError, UsageError
from stream.records.follower import follow
from stream.records.schema.annotations import Action, read_annotations
from stream.records.schema.events import Event, RunFinished, RunStarted, SegmentClosed
from stream.records.schema.layout import RunLayout
from stream.records.schema.manifest import Manifest, read_manifest
from stream.records.store.event_log import finish_of, read_events
from stream.records.store.keyframes import keyframes_within

if TYPE_CHECKING:  # a program that reads no arrays starts without numpy
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its directory describes it at the moment; every call reads the files again.

    Each method raises ``DamagedError`` where a file is not what a run writes, ``NewerVersionError`` where a newer
    version wrote it, and ``OSError`` where it is missing.
    """

    layout: RunLayout
    """Paths of all files."""

    def manifest(self) -> Manifest:
        """Provenance: source, options, models, versions, and what the run used."""
        return read_manifest(self.layout.manifest)

    def events(self) -> Iterator[Event]:
        """All events so far, in order."""
        return read_events(self.layout.events)

    def segments(self) -> list[SegmentClosed]:
        """All closed segments so far, in order of time."""
        return [event for event in self.events() if isinstance(event, SegmentClosed)]

    def actions(self) -> list[Action]:
        """The annotated actions so far, in order of time; none before the first is annotated."""
        return read_annotations(self.layout.annotations) if self.layout.annotations.exists() else []

    def finish(self) -> RunFinished | None:
        """The accounting of a finished run; None while it grows, or where it was interrupted."""
        return finish_of(self.layout.events)

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


def open_run(directory: Path | str) -> Run:
    """The run in a directory, which may have been copied or renamed since.

    Raises:
        InputError: no run has begun there.
    """
    run = Run(layout_of(Path(directory)))
    if not run.layout.events.is_file():
        raise InputError(f"{directory} holds no run: {run.layout.events.name} is missing")
    return run


def layout_of(directory: Path) -> RunLayout:
    """Paths of the run in a directory, also before it has begun.

    The files have the stem that ``run.started`` names; where there is none, or it is not a file name, they have the
    name of the directory.
    """
    return RunLayout(directory, _recorded_stem(RunLayout(directory, "").events) or directory.resolve().name)


def _recorded_stem(path: Path) -> str | None:
    try:
        first = next(read_events(path), None)
    except (OSError, UsageError):
        return None  # the reader of the events reports it
    if not isinstance(first, RunStarted) or Path(first.stem).name != first.stem:
        return None
    return first.stem
