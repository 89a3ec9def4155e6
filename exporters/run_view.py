"""A run as every exporter sees it: its records and its windows."""

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
    RunFinished,
    RunLayout,
    RunStarted,
    SegmentAnnotated,
    SegmentClosed,
    SegmentFailed,
    SegmentOpened,
    SegmentSkipped,
    SourceDamaged,
)
from stream.records.reading import layout_of
from stream.records.store.versions import require_readable


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
    """All events so far, without the checkpoints."""

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
    def title(self) -> tuple[str, str]:
        """The clip, and the origin of its figures."""
        count = len(self.windows.t_s)
        facts = [self.encoder, f"{count:,} window{'s' if count > 1 else ''}"]
        if self.windows.left_out:
            facts.append(f"{self.windows.left_out} left out (zero or not finite)")
        if not self.finished:
            facts.append("run not finished")
        return self.stem, ", ".join(facts)

    @cached_property
    def actions(self) -> list[Action]:
        """The described actions so far, in order of time.

        Raises:
            InputError: the file cannot be read.
        """
        try:
            return Run(self.layout).actions()
        except DamagedError as error:
            raise InputError(f"{self.layout.annotations} is damaged: {error.what}") from error

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
        raise InputError(f"{folder} holds neither a run (events.jsonl) nor embeddings (<stem>_emb.npy)")
    for stem in names:
        yield RunView(RunLayout(folder, stem), "encoder not recorded", DetectorOptions())


def run_folders(folder: Path) -> list[Path]:
    """The folder itself if it is a run directory, otherwise the run directories in it, by name.

    Raises:
        InputError: it is none and contains none.
    """
    if layout_of(folder).events.is_file():
        return [folder]
    inner = sorted(path for path in folder.glob("*") if layout_of(path).events.is_file())
    if not inner:
        raise InputError(f"{folder} is not a run directory and contains none: there is no events.jsonl")
    return inner


def view_runs(folders: Sequence[Path], failures: list[tuple[str, EgocleanError]]) -> Iterator[RunView]:
    """The runs in these directories. One in a folder of runs that cannot be read is added to ``failures``.

    Raises:
        InputError: a folder contains no run, or is a run that cannot be read.
    """
    for folder in folders:
        for path in run_folders(folder):
            try:
                yield view_run(path)
            except EgocleanError as error:
                if path == folder:
                    raise
                failures.append((str(path), error))


def view_run(folder: Path) -> RunView:
    """Read a run directory's events and manifest.

    Raises:
        InputError: the records are missing, invalid, or of an earlier version.
        NewerVersionError: a newer version wrote them.
    """
    run = Run(layout_of(folder))
    layout = run.layout
    try:
        require_readable(layout)
        manifest = run.manifest()
        log = list(run.events())
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read: {error.strerror}") from error
    except DamagedError as error:
        raise InputError(f"{folder} holds no records of this version: {error.what}") from error
    started = next((event for event in log if isinstance(event, RunStarted)), None)
    if started is None:
        raise InputError(f"{layout.events} has no run.started: the run has not begun, or it is not an event log")
    missing = {"source", "detector"} - manifest.options.keys()
    if missing:
        raise InputError(f"{layout.manifest} lacks the option {missing.pop()!r}: it is of another version")
    return RunView(
        layout=RunLayout(folder, started.stem),
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
    )


def _detector_options(stem: str, manifest: Manifest) -> DetectorOptions:
    try:
        return DetectorOptions(**manifest.options["detector"])
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
        raise InputError(f"run.json of {stem}: the detector's options are not of this version: {what}") from error
