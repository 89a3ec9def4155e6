"""The events of a run as models: the schema that readers rely on is generated from these.

``events.schema.json`` beside this file is ``python -m stream.records.schema.generate``'s output.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Seconds: TypeAlias = Annotated[float, Field(ge=0.0, description="seconds since the first decoded frame")]
Duration: TypeAlias = Annotated[float, Field(ge=0.0, description="seconds")]
Count: TypeAlias = Annotated[int, Field(ge=0)]
Dollars: TypeAlias = Annotated[float, Field(ge=0.0, description="dollars")]
Kind: TypeAlias = Literal["typical", "anomalous"]


class _Event(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    v: Literal[1] = 1
    seq: Count = Field(default=0, description="0, 1, 2, ... without holes")
    time: str = Field(default="", description="time of day, ISO 8601 in UTC")


class RunStarted(_Event):
    """A run has begun; ``run.json`` says how."""

    event: Literal["run.started"] = "run.started"
    run_id: str
    source: str
    stem: str
    encoder: str = Field(description="what makes the embeddings; 'grid' is no learned model")
    annotator: str


class RunResumed(_Event):
    """A run that had ended early goes on."""

    event: Literal["run.resumed"] = "run.resumed"
    run_id: str
    windows: Count = Field(description="embedded before, and not embedded again")


class SegmentOpened(_Event):
    """A segment has begun; its start is back-dated to where the change began."""

    event: Literal["segment.opened"] = "segment.opened"
    segment_id: str
    t_start_s: Seconds
    kind: Kind
    detected_at_s: Seconds


class SegmentClosed(_Event):
    """A segment is complete, its keyframes are on disk, and it will not change."""

    event: Literal["segment.closed"] = "segment.closed"
    segment_id: str
    t_start_s: Seconds
    t_end_s: Seconds
    kind: Kind
    closed_by: Literal["state_change", "max_duration", "source_lost", "end_of_stream"]
    detected_at_s: Seconds
    windows: Count = Field(description="windows whose time lies in it; 0: it was never scored")
    score_mean: float | None
    score_max: float | None
    theta_on: float | None
    theta_off: float | None
    period_s: float | None = Field(description="repetition period, where one is significant")
    cycles: float | None
    damaged_s: Duration = Field(description="of this segment, lost")
    dropped_s: Duration = Field(default=0.0, description="of this segment, not decoded: this machine was too slow")
    keyframes: Count
    keyframe_width_px: Count = Field(default=0, description="boxes are in these pixels; 0: keyframes of several sizes")
    keyframe_height_px: Count = 0
    frames_digest: str = Field(description="SHA-256 over the SHA-256 of its keyframes, in order")


class _Asked(_Event):
    annotator: str = Field(default="", description="who was asked; run.json says all about it")
    tokens_in: Count = 0
    tokens_out: Count = 0
    seconds: Duration = Field(default=0.0, description="of the model, for this segment")
    dollars: Dollars | None = Field(
        default=0.0,
        description="for these tokens, where a price is given for them, else for these seconds, by --price-per-hour; "
        "null: of a model elsewhere whose price is not given",
    )


class SegmentAnnotated(_Asked):
    """A segment's actions are in the annotations."""

    event: Literal["segment.annotated"] = "segment.annotated"
    segment_id: str
    actions: Count
    frames: Count = Field(default=0, description="that the model was shown")
    subtasks: tuple[str, ...] = Field(default=(), description="of its active actions, in order of time")
    objects: tuple[str, ...] = Field(default=(), description="in it, each once")


class SegmentFailed(_Asked):
    """A segment could not be described."""

    event: Literal["segment.failed"] = "segment.failed"
    segment_id: str
    reason: str


class SegmentSkipped(_Event):
    """Nobody was asked to describe a segment."""

    event: Literal["segment.skipped"] = "segment.skipped"
    segment_id: str
    reason: str
    same_as: str | None = Field(default=None, description="the segment that it is like, and that was described")
    similarity: float | None = Field(default=None, description="cosine of the mean embeddings of the two")


class Checkpoint(_Event):
    """All that came before is durable, the arrays too."""

    event: Literal["checkpoint"] = "checkpoint"
    t_s: Seconds
    windows: Count
    segments: Count


class SourceDamaged(_Event):
    """A stretch of the source was lost."""

    event: Literal["source.damaged"] = "source.damaged"
    t_start_s: Seconds
    t_end_s: Seconds
    reason: str
    packets: Count


class SourceLost(_Event):
    """A live source has gone; ``source.gap`` says when it is back."""

    event: Literal["source.lost"] = "source.lost"
    t_s: Seconds
    reason: str


class SourceGap(_Event):
    """A stretch of time in which a live source was away. It is no part of any segment, and of no decoded time."""

    event: Literal["source.gap"] = "source.gap"
    t_start_s: Seconds
    t_end_s: Seconds
    reason: str


class StreamOverload(_Event):
    """This machine was too slow for a live source. What was skipped lies in this stretch; it need not fill it."""

    event: Literal["stream.overload"] = "stream.overload"
    t_start_s: Seconds
    t_end_s: Seconds
    reason: str
    windows_skipped: Count = Field(description="decoded, and not embedded")
    packets_dropped: Count = Field(description="not even decoded; segment.closed says for how long")


class StageRestarted(_Event):
    """A process died; the chain was started again and went on. The annotator is started again alone."""

    event: Literal["stage.restarted"] = "stage.restarted"
    process: str
    reason: str


class Annotation(BaseModel):
    """What describing the segments took, also those that failed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens_in: Count = 0
    tokens_out: Count = 0
    seconds: Duration = 0.0
    dollars: Dollars | None = Field(default=0.0, description="null: not all of it is known")


class RunFinished(_Event):
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
    gap_s: Duration = Field(default=0.0, description="in which a live source was away")
    dropped_s: Duration = Field(default=0.0, description="of a live source, not decoded: this machine was too slow")
    windows_skipped: Count = Field(default=0, description="of a live source: this machine was too slow")
    frames: Count
    packets_lost: Count
    windows: Count
    segments: Count
    anomalous: Count
    annotation: Annotation = Annotation()
    wall_s: Duration
    exit_code: Literal[0, 4]


class RunFailed(_Event):
    """The end of a run that did not reach its source's end."""

    event: Literal["run.failed"] = "run.failed"
    reason: str
    exit_code: int
    decoded_s: Duration = Field(description="of the source, so far")


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
