"""The segments of a run as a list: each with its outcome, and the run with its state and its counts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from stream.pipeline.facts import ClosedBy, SegmentKind
from stream.records.counts import RunCounts, continues, counts_of
from stream.records.reading import open_run, reading_run
from stream.records.run_annotations import annotations_in, chosen_in, events_of, layout_of_annotation
from stream.records.run_state import RunState, status_of
from stream.records.schema.annotations import action_count
from stream.records.schema.events import (
    Checkpoint,
    Event,
    Outcome,
    RunStarted,
    SegmentAnnotated,
    SegmentClosed,
    SegmentFailed,
    SegmentSkipped,
)

SegmentOutcome: TypeAlias = Literal["described", "failed", "skipped", "pending"]


class _Listed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ListedSegment(_Listed):
    """A closed segment and its outcome."""

    clip: str = Field(description="the common part of the names of its run's files")
    segment_id: str
    t_start_s: float
    t_end_s: float
    kind: SegmentKind
    closed_by: ClosedBy
    stretch: str = Field(description="the first segment of the stretch that it was cut from, or itself")
    detected_at_s: float
    score_mean: float | None
    score_max: float | None
    theta_on: float | None = Field(description="the score above which an anomaly begins")
    period_s: float | None
    cycles: float | None
    judged_from_s: float | None = Field(description="start of its first window that was judged; null: none was")
    mode: int | None = Field(description="which usual work it shows: 0, 1, 2, ...; null: not known, or not typical")
    activity: float | None = Field(description="mean share of the picture that moves independently of the head")
    head_motion: float | None = Field(description="mean speed of the whole picture, in picture widths a second")
    idle_s: float = Field(description="seconds in which nothing moves")
    damaged_s: float
    outcome: SegmentOutcome
    reason: str = Field(description="why it failed or was skipped")
    subtasks: tuple[str, ...]
    objects: tuple[str, ...]
    run_dir: str

    @property
    def is_idle(self) -> bool:
        """Whether at least half of it is idle."""
        return 2 * self.idle_s >= self.t_end_s - self.t_start_s


class ListedRun(_Listed):
    """A run without its segments."""

    run_dir: str
    clip: str
    source: str
    lens: str = Field(description="'approximate preset' and its name; empty for a calibration or none")
    annotation: str = Field(description="name of the annotation that is shown; empty if nothing was described")
    annotations: tuple[str, ...] = Field(description="names of all, in the order in which they began")
    state: RunState
    state_text: str = Field(description="the state and its reason")
    counts: RunCounts


@dataclass(frozen=True, slots=True)
class RunListing:
    """A run and its segments, in order of time."""

    run: ListedRun
    segments: tuple[ListedSegment, ...]


def list_run(folder: Path, annotation: str | None = None) -> RunListing:
    """Read a run directory, growing or finished, with one of its annotations; None: the default one.

    Raises:
        InputError: its events are missing or damaged, or it has no annotation of that name.
        NewerVersionError: a newer version wrote a record of it.
    """
    run = open_run(folder)
    with reading_run(run.layout):
        recorded = [event for event in run.events() if not isinstance(event, Checkpoint)]
    chosen = chosen_in(recorded, annotation, folder)
    log, annotations = events_of(recorded, chosen), annotations_in(recorded)
    started = next((event for event in log if isinstance(event, RunStarted)), None)
    stem = run.layout.stem
    status = status_of(log, run.layout.health)
    return RunListing(
        ListedRun(
            run_dir=str(folder),
            clip=stem,
            source=started.source if started else "",
            lens=started.lens if started else "",
            annotation=next((each.name for each in annotations if each.recorded_name == chosen), ""),
            annotations=tuple(each.name for each in annotations),
            state=status.state,
            state_text=status.text,
            counts=counts_of(log, action_count(layout_of_annotation(run.layout, recorded, chosen).annotations)),
        ),
        tuple(_segments(log, stem, str(folder))),
    )


def outcome_of(outcome: Outcome | None) -> tuple[SegmentOutcome, str]:
    """What became of a segment, and why it has no description; None: it has no outcome yet."""
    match outcome:
        case SegmentAnnotated():
            return "described", ""
        case SegmentFailed(reason=reason):
            return "failed", reason
        case SegmentSkipped(same_as=str(same_as)):
            return "skipped", f"like {same_as}"
        case SegmentSkipped(reason=reason):
            return "skipped", reason
        case _:
            return "pending", ""


def _segments(log: Sequence[Event], stem: str, run_dir: str) -> Iterator[ListedSegment]:
    outcomes = {event.segment_id: event for event in log if isinstance(event, Outcome)}
    stretch, previous = "", None
    for closed in log:
        if not isinstance(closed, SegmentClosed):
            continue
        stretch = stretch if continues(closed, previous) else closed.segment_id
        previous = closed
        event = outcomes.get(closed.segment_id)
        name, reason = outcome_of(event)
        described = event if isinstance(event, SegmentAnnotated) else None
        yield ListedSegment(
            clip=stem,
            segment_id=closed.segment_id,
            t_start_s=closed.t_start_s,
            t_end_s=closed.t_end_s,
            kind=closed.kind,
            closed_by=closed.closed_by,
            stretch=stretch,
            detected_at_s=closed.detected_at_s,
            score_mean=closed.score_mean,
            score_max=closed.score_max,
            theta_on=closed.theta_on,
            period_s=closed.period_s,
            cycles=closed.cycles,
            judged_from_s=closed.judged_from_s,
            mode=closed.mode,
            activity=closed.activity,
            head_motion=closed.head_motion,
            idle_s=closed.idle_s,
            damaged_s=closed.damaged_s,
            outcome=name,
            reason=reason,
            subtasks=described.subtasks if described else (),
            objects=described.objects if described else (),
            run_dir=run_dir,
        )
