"""The events of a run: the schema that readers rely on is generated from these classes.

What travels along the chain is defined in ``stream.pipeline.facts``; here are the facts that only the log knows.
``events.schema.json`` beside this file is the output of ``python -m stream.records.schema.generate``.
"""

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from stream.pipeline.facts import (
    STRICT,
    Count,
    Duration,
    Fact,
    Seconds,
    SegmentClosed,
    SegmentOpened,
    SourceDamaged,
    SourceGap,
    SourceLost,
    StreamOverload,
)
from stream.records.schema.outcomes import (
    Annotation,
    AnnotationName,
    AnnotationStarted,
    Outcome,
    PartAnnotated,
    PartFailed,
    PartOutcome,
    Request,
    SegmentAnnotated,
    SegmentFailed,
    SegmentSkipped,
    is_empty,
)

__all__ = [
    "CHAIN_EVENTS",
    "EVENT",
    "FINAL",
    "Annotation",
    "AnnotationName",
    "AnnotationStarted",
    "Checkpoint",
    "Event",
    "Outcome",
    "PartAnnotated",
    "PartFailed",
    "PartOutcome",
    "Request",
    "RunFailed",
    "RunFinished",
    "RunResumed",
    "RunStarted",
    "SegmentAnnotated",
    "SegmentClosed",
    "SegmentFailed",
    "SegmentOpened",
    "SegmentSkipped",
    "SourceDamaged",
    "SourceGap",
    "SourceLost",
    "StageRestarted",
    "StreamOverload",
]


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class RunStarted(Fact):
    """A run has begun; ``run.json`` has its provenance."""

    event: Literal["run.started"] = "run.started"
    run_id: str
    source: str
    stem: str
    encoder: Annotated[str, Field(description="the encoder of the embeddings; 'grid' is not a learned model")]
    encoder_reason: Annotated[
        str, Field(description="why --encoder auto did not take the encoder with weights", exclude_if=is_empty)
    ] = ""
    annotator: str
    lens: Annotated[
        str, Field(description="that it is an approximate preset, and which; absent otherwise", exclude_if=is_empty)
    ] = ""


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class RunResumed(Fact):
    """An interrupted run was resumed."""

    event: Literal["run.resumed"] = "run.resumed"
    run_id: str
    windows: Annotated[Count, Field(description="embedded before the interruption, and not embedded again")]


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Checkpoint(Fact):
    """Everything before this event is durable, including the arrays."""

    event: Literal["checkpoint"] = "checkpoint"
    t_s: Seconds
    windows: Count
    segments: Count


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class StageRestarted(Fact):
    """A process died, and the chain was restarted from its last barrier. The annotator is restarted alone."""

    event: Literal["stage.restarted"] = "stage.restarted"
    process: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class RunFinished(Fact):
    """The end of a run and its accounting: decoded = annotated + failed + skipped + damaged.

    If segments are annotated later, this event is written again, and the last one counts: it names the annotation that
    readers get unless they choose another, and has its times and cost. The source's length from its first frame to its
    last is decoded + gap + dropped.
    """

    event: Literal["run.finished"] = "run.finished"
    annotation_name: AnnotationName = ""
    decoded_s: Duration
    annotated_s: Duration
    uncovered_s: Annotated[Duration, Field(description="part of annotated_s: in no action")] = 0.0
    skipped_s: Duration
    failed_s: Duration
    damaged_s: Duration
    gap_s: Annotated[Duration, Field(description="time without a live source")] = 0.0
    dropped_s: Annotated[Duration, Field(description="not decoded because this machine was too slow")] = 0.0
    windows_skipped: Annotated[Count, Field(description="not embedded because this machine was too slow")] = 0
    frames: Count
    packets_lost: Count
    windows: Count
    segments: Count
    anomalous: Annotated[Count, Field(description="segments of that kind")]
    stretches: Annotated[
        Count | None,
        Field(description="segments; those that were cut from one stretch count once", exclude_if=is_empty),
    ] = None
    anomalous_stretches: Annotated[Count | None, Field(exclude_if=is_empty)] = None
    idle_s: Annotated[Duration, Field(description="of all segments")] = 0.0
    judged_from_s: Annotated[
        float | None,
        Field(ge=0.0, description="start of the first window that was judged; null: too short, all of it is warm-up"),
    ] = None
    warmup_s: Annotated[
        float | None, Field(ge=0.0, description="what the detector learns from before it judges; null: unknown")
    ] = None
    annotation: Annotation = Annotation()
    wall_s: Duration
    exit_code: Literal[0, 4]


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class RunFailed(Fact):
    """The end of a run that did not reach its source's end."""

    event: Literal["run.failed"] = "run.failed"
    reason: str
    exit_code: int
    decoded_s: Annotated[Duration, Field(description="of the source so far")]


Event: TypeAlias = (
    RunStarted | RunResumed | SegmentOpened | SegmentClosed | SegmentAnnotated | SegmentFailed | SegmentSkipped
    | AnnotationStarted | PartAnnotated | PartFailed | Checkpoint | SourceDamaged | SourceLost | SourceGap
    | StreamOverload | StageRestarted | RunFinished | RunFailed
)  # fmt: skip

EVENT: TypeAdapter[Event] = TypeAdapter(
    Annotated[Event, Field(discriminator="event")], config=ConfigDict(defer_build=True)
)

CHAIN_EVENTS = frozenset({
    "segment.opened", "segment.closed", "source.damaged", "source.lost", "source.gap", "stream.overload", "checkpoint",
})  # fmt: skip
"""Events that follow from the clip and the options alone: a replay produces the same ones again."""

FINAL = frozenset({"run.finished", "run.failed"})
"""Events that end a run; after ``run.failed`` it may be resumed."""


NO_ANNOTATOR: Final = "annotator: none"
ONLY_ANOMALOUS: Final = "only anomalous segments are described"
SAME_AS: Final = "same_as"
NO_KEYFRAMES: Final = "it has no keyframe"
SEVERAL_SIZES: Final = "its keyframes are of several sizes"
CACHE_FULL: Final = "the keyframe cache is full"

NO_RESPONSE: Final = "the annotator gave no answer"
