"""A run as every exporter sees it: its records and its windows."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from exporters.windows import Windows, open_windows, stems
from stream.detection.options import DetectorOptions
from stream.errors import DamagedError, EgocleanError, InputError, NoWindowsError
from stream.records import (
    Action,
    Checkpoint,
    Event,
    Manifest,
    Outcome,
    Run,
    RunAnnotation,
    RunFinished,
    RunLayout,
    RunStarted,
    SegmentAnnotated,
    SegmentClosed,
    SegmentFailed,
    SegmentOpened,
    SegmentSkipped,
    SourceDamaged,
    read_annotations,
)
from stream.records.folders import refuse_folder, run_folders
from stream.records.reading import layout_of, reading_run
from stream.records.run_annotations import annotations_in, chosen_in, events_of, layout_of_annotation


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of stream time, half-open, in seconds."""

    t_start_s: float
    t_end_s: float
    detected_at_s: float | None = None
    """Stream time at which its start was detected."""


@dataclass(frozen=True, eq=False)
class RunView:
    """One run, growing or finished; or a clip's three arrays in a bare folder, without any records."""

    layout: RunLayout
    encoder: str
    """The model's name."""
    detector: DetectorOptions
    manifest: Manifest | None = None
    """None for a bare folder."""
    finished: bool = True
    """Whether the run has reached the end of its source; otherwise it is growing or was stopped."""
    closed: tuple[SegmentClosed, ...] = ()
    opened: tuple[SegmentOpened, ...] = ()
    damaged: tuple[Span, ...] = ()
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    """The outcomes of closed segments, by segment; the last event counts."""
    truth: tuple[Span, ...] | None = None
    """The true anomalous spans; None if unknown, empty if there is none."""
    log: tuple[Event, ...] = ()
    """All events so far, without the checkpoints, and without those of other annotations."""
    annotation: RunAnnotation | None = None
    """The annotation that is read; None if nothing was described."""
    annotations: tuple[RunAnnotation, ...] = ()
    """All of them."""

    @property
    def stem(self) -> str:
        """The common part of the clip's file names."""
        return self.layout.stem

    @property
    def source(self) -> Path:
        """The clip's file, or the tar that holds it; the folder itself for bare arrays."""
        if self.manifest is None:
            return self.layout.root / self.stem
        return Path(str(self.manifest.options["source"]).split("::", maxsplit=1)[0])

    @cached_property
    def windows(self) -> Windows:
        """The usable windows.

        Raises:
            NoWindowsError: there are none.
            InputError: the arrays are not valid.
        """
        if self.manifest is not None and not self.layout.timestamps.exists():
            raise NoWindowsError(
                f"{self.layout.root} holds no windows: the clip is shorter than one window, or the run has just begun"
            )
        return open_windows(self.layout, growing=not self.finished)

    @property
    def t_end_s(self) -> float:
        """Stream time up to which anything is known."""
        return max([self.windows.t_end_s, *(segment.t_end_s for segment in self.closed)])

    @property
    def title(self) -> tuple[str, ...]:
        """The clip, and the origin of its figures: encoder, windows, and what is special about them."""
        count = len(self.windows.t_s)
        facts = [self.encoder, f"{count:,} window{'s' if count > 1 else ''}"]
        if self.windows.left_out:
            facts.append(f"{self.windows.left_out} left out (zero or not finite)")
        if not self.finished:
            facts.append("run not finished")
        return self.stem, *facts

    @cached_property
    def actions(self) -> list[Action]:
        """The described actions so far, in order of time.

        Raises:
            InputError: the file cannot be read.
        """
        path = self.layout.annotations
        try:
            return read_annotations(path) if path.exists() else []
        except DamagedError as error:
            raise InputError(str(error)) from error

    def records(self) -> Manifest:
        """The manifest of a run.

        Raises:
            InputError: it is a bare folder.
        """
        if self.manifest is None:
            raise InputError(f"{self.layout.root} holds arrays but no run: its clip and segments are not known")
        return self.manifest

    def open_anomalies(self) -> list[SegmentOpened]:
        """The anomalous segment that has started and not ended, if there is one."""
        ended = {segment.segment_id for segment in self.closed}
        return [event for event in self.opened if event.kind == "anomalous" and event.segment_id not in ended]


def open_views(folder: Path) -> Iterator[RunView]:
    """The run in a directory, or every clip of a bare folder of arrays.

    Raises:
        InputError: there is neither, or the records cannot be read.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: expected a run directory, or a folder with <stem>_emb.npy")
    if layout_of(folder).events.is_file():
        yield view_run(folder)
        return
    names = stems(folder)
    if not names:
        refuse_folder(folder)
        raise InputError(f"{folder} holds neither a run (events.jsonl) nor embeddings (<stem>_emb.npy)")
    for stem in names:
        yield RunView(RunLayout(folder, stem), "encoder not recorded", DetectorOptions())


def view_runs(
    folders: Sequence[Path], failures: list[tuple[str, EgocleanError]], annotation: str | None = None
) -> Iterator[RunView]:
    """The runs in these directories, each once. One in a folder that cannot be read is added to ``failures``.

    ``annotation`` names the one that is read of each; None: its default one.

    Raises:
        InputError: a folder contains no run, or is a run that cannot be read.
    """
    seen: set[str] = set()
    for folder in folders:
        for path in run_folders(folder):
            if (place := os.path.realpath(path)) in seen:
                continue
            seen.add(place)
            try:
                yield view_run(path, annotation)
            except EgocleanError as error:
                if path == folder:
                    raise
                failures.append((str(path), error))


def view_run(folder: Path, annotation: str | None = None) -> RunView:
    """Read a run directory's events and manifest, with one of its annotations; None: the default one.

    Raises:
        InputError: the records are missing, invalid, or of an earlier version, or there is no such annotation.
        NewerVersionError: a newer version wrote them.
    """
    run = Run(layout_of(folder))
    layout = run.layout
    with reading_run(layout):
        manifest = run.manifest()
        recorded = list(run.events())
    name = chosen_in(recorded, annotation, folder)
    log, annotations = events_of(recorded, name), tuple(annotations_in(recorded))
    started = next((event for event in log if isinstance(event, RunStarted)), None)
    if started is None:
        raise InputError(f"{layout.events} has no run.started: the run has not begun, or it is not an event log")
    missing = {"source", "detector"} - manifest.options.keys()
    if missing:
        raise InputError(f"{layout.manifest} lacks the option {missing.pop()!r}: it is of another version")
    return RunView(
        layout=layout_of_annotation(RunLayout(folder, started.stem), recorded, name),
        encoder=str(manifest.encoder.get("model", started.encoder)),
        detector=_detector_options(started.stem, manifest),
        manifest=manifest,
        finished=any(isinstance(event, RunFinished) for event in log),
        closed=tuple(event for event in log if isinstance(event, SegmentClosed)),
        opened=tuple(event for event in log if isinstance(event, SegmentOpened)),
        outcomes={
            event.segment_id: event
            for event in log
            if isinstance(event, SegmentAnnotated | SegmentFailed | SegmentSkipped)
        },
        damaged=tuple(Span(event.t_start_s, event.t_end_s) for event in log if isinstance(event, SourceDamaged)),
        log=tuple(event for event in log if not isinstance(event, Checkpoint)),
        annotation=next((each for each in annotations if each.recorded_name == name), None),
        annotations=annotations,
    )


def _detector_options(stem: str, manifest: Manifest) -> DetectorOptions:
    try:
        return DetectorOptions(**manifest.options["detector"])
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
        raise InputError(f"run.json of {stem}: the detector's options are not of this version: {what}") from error
