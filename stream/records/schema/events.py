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

__all__ = [
    "CHAIN_EVENTS",
    "EVENT",
    "FINAL",
    "Annotation",
    "Checkpoint",
    "Event",
    "Outcome",
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

Dollars: TypeAlias = Annotated[float, Field(ge=0.0, description="dollars")]


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class RunStarted(Fact):
    """A run has begun; ``run.json`` has its provenance."""

    event: Literal["run.started"] = "run.started"
    run_id: str
    source: str
    stem: str
    encoder: Annotated[str, Field(description="the encoder of the embeddings; 'grid' is not a learned model")]
    annotator: str


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class RunResumed(Fact):
    """An interrupted run was resumed."""

    event: Literal["run.resumed"] = "run.resumed"
    run_id: str
    windows: Annotated[Count, Field(description="embedded before the interruption, and not embedded again")]


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class _Inference(Fact):
    annotator: Annotated[str, Field(description="the model, or its server's name for it; run.json has the details")] = (
        ""
    )
    tokens_in: Count = 0
    tokens_out: Count = 0
    seconds: Annotated[Duration, Field(description="inference time for this segment")] = 0.0
    dollars: Annotated[
        Dollars | None,
        Field(
            description="of these tokens, where a price per token is configured, else of these seconds at "
            "--price-per-hour; null: a remote model without a configured price"
        ),
    ] = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class SegmentAnnotated(_Inference):
    """A segment's actions have been added to the annotations."""

    event: Literal["segment.annotated"] = "segment.annotated"
    segment_id: str
    actions: Count
    frames: Annotated[Count, Field(description="shown to the model")] = 0
    subtasks: Annotated[tuple[str, ...], Field(description="subtasks of its active actions, in order of time")] = ()
    objects: Annotated[tuple[str, ...], Field(description="names of its objects, each once")] = ()


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class SegmentFailed(_Inference):
    """A segment could not be annotated."""

    event: Literal["segment.failed"] = "segment.failed"
    segment_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class SegmentSkipped(Fact):
    """A segment was not sent to the annotator."""

    event: Literal["segment.skipped"] = "segment.skipped"
    segment_id: str
    reason: str
    same_as: Annotated[str | None, Field(description="the annotated segment that it resembles")] = None
    similarity: Annotated[float | None, Field(description="cosine similarity of the two mean embeddings")] = None


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
class Annotation:
    """The cost of annotating the segments, including those that failed."""

    tokens_in: Count = 0
    tokens_out: Count = 0
    seconds: Duration = 0.0
    dollars: Annotated[Dollars | None, Field(description="null: part of it is unknown")] = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class RunFinished(Fact):
    """The end of a run and its accounting: decoded = annotated + failed + skipped + damaged.

    If segments are annotated later, this event is written again, and the last one counts. The source's length from its
    first frame to its last is decoded + gap + dropped.
    """

    event: Literal["run.finished"] = "run.finished"
    decoded_s: Duration
    annotated_s: Duration
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
    anomalous: Count
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
    | Checkpoint | SourceDamaged | SourceLost | SourceGap | StreamOverload | StageRestarted | RunFinished | RunFailed
)  # fmt: skip

EVENT: TypeAdapter[Event] = TypeAdapter(
    Annotated[Event, Field(discriminator="event")], config=ConfigDict(defer_build=True)
)

Outcome: TypeAlias = SegmentAnnotated | SegmentFailed | SegmentSkipped
"""The outcome of a closed segment."""

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
