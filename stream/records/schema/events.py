"""The events of a run: the schema that readers rely on is generated from these classes.

What travels along the chain is defined in ``stream.pipeline.facts``; here are the facts that only the log knows.
``events.schema.json`` beside this file is the output of ``python -m stream.records.schema.generate``.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, TypeAdapter
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
    "EVENT",
    "FINAL",
    "TOLD_BY_CHAIN",
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
    """A run has begun; ``run.json`` says how."""

    event: Literal["run.started"] = "run.started"
    run_id: str
    source: str
    stem: str
    encoder: Annotated[str, Field(description="what makes the embeddings; 'grid' is no learned model")]
    annotator: str


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class RunResumed(Fact):
    """A run that had ended early goes on."""

    event: Literal["run.resumed"] = "run.resumed"
    run_id: str
    windows: Annotated[Count, Field(description="embedded before, and not embedded again")]


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class _Asked(Fact):
    annotator: Annotated[str, Field(description="who was asked; run.json says all about it")] = ""
    tokens_in: Count = 0
    tokens_out: Count = 0
    seconds: Annotated[Duration, Field(description="of the model, for this segment")] = 0.0
    dollars: Annotated[
        Dollars | None,
        Field(
            description="of these tokens, where a price per token is configured, else of these seconds at "
            "--price-per-hour; null: a remote model without a configured price"
        ),
    ] = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class SegmentAnnotated(_Asked):
    """A segment's actions are in the annotations."""

    event: Literal["segment.annotated"] = "segment.annotated"
    segment_id: str
    actions: Count
    frames: Annotated[Count, Field(description="that the model was shown")] = 0
    subtasks: Annotated[tuple[str, ...], Field(description="of its active actions, in order of time")] = ()
    objects: Annotated[tuple[str, ...], Field(description="in it, each once")] = ()


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class SegmentFailed(_Asked):
    """A segment could not be described."""

    event: Literal["segment.failed"] = "segment.failed"
    segment_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class SegmentSkipped(Fact):
    """Nobody was asked to describe a segment."""

    event: Literal["segment.skipped"] = "segment.skipped"
    segment_id: str
    reason: str
    same_as: Annotated[str | None, Field(description="the segment that it is like, and that was described")] = None
    similarity: Annotated[float | None, Field(description="cosine of the mean embeddings of the two")] = None


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Checkpoint(Fact):
    """All that came before is durable, the arrays too."""

    event: Literal["checkpoint"] = "checkpoint"
    t_s: Seconds
    windows: Count
    segments: Count


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class StageRestarted(Fact):
    """A process died; the chain was started again and went on. The annotator is started again alone."""

    event: Literal["stage.restarted"] = "stage.restarted"
    process: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Annotation:
    """What describing the segments took, also those that failed."""

    tokens_in: Count = 0
    tokens_out: Count = 0
    seconds: Duration = 0.0
    dollars: Annotated[Dollars | None, Field(description="null: not all of it is known")] = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class RunFinished(Fact):
    """The end, with closed books: decoded = annotated + failed + skipped + damaged.

    Segments may be annotated after it; the books are closed anew then, and the last of them count. From the source's
    first picture to its last are decoded + gap + dropped.
    """

    event: Literal["run.finished"] = "run.finished"
    decoded_s: Duration
    annotated_s: Duration
    skipped_s: Duration
    failed_s: Duration
    damaged_s: Duration
    gap_s: Annotated[Duration, Field(description="in which a live source was away")] = 0.0
    dropped_s: Annotated[Duration, Field(description="of a live source, not decoded: this machine was too slow")] = 0.0
    windows_skipped: Annotated[Count, Field(description="of a live source: this machine was too slow")] = 0
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
    decoded_s: Annotated[Duration, Field(description="of the source, so far")]


Event: TypeAlias = (
    RunStarted | RunResumed | SegmentOpened | SegmentClosed | SegmentAnnotated | SegmentFailed | SegmentSkipped
    | Checkpoint | SourceDamaged | SourceLost | SourceGap | StreamOverload | StageRestarted | RunFinished | RunFailed
)  # fmt: skip

EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])

Outcome: TypeAlias = SegmentAnnotated | SegmentFailed | SegmentSkipped
"""What becomes of a closed segment."""

TOLD_BY_CHAIN = frozenset({
    "segment.opened", "segment.closed", "source.damaged", "source.lost", "source.gap", "stream.overload", "checkpoint",
})  # fmt: skip
"""Events that follow from the clip and the options alone: the same run tells the same ones again."""

FINAL = frozenset({"run.finished", "run.failed"})
"""Events that end a run; after ``run.failed`` it may be resumed."""
