"""The facts of a run. One frozen class a fact: what travels along the chain is what is recorded and what is read.

A fact that follows from the clip is created where it is detected and travels as an item; the record stage fills in what
it alone knows, and the log adds the envelope: ``v``, ``seq``, ``time``. The facts that only the log knows (the run's
own, and what became of a segment) are in ``stream.records.schema.events``, which holds the schema of all.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

Seconds: TypeAlias = Annotated[float, Field(ge=0.0, description="seconds since the first decoded frame")]
Duration: TypeAlias = Annotated[float, Field(ge=0.0, description="seconds")]
Count: TypeAlias = Annotated[int, Field(ge=0)]
SegmentKind: TypeAlias = Annotated[
    Literal["typical", "anomalous", "unknown"],
    Field(description="unknown: it has no window, or the detector was still in its first warm-up when it ended"),
]
IdleSignal: TypeAlias = Literal["motion", "embedding"]
ClosedBy: TypeAlias = Literal["state_change", "max_duration", "source_lost", "end_of_stream"]

STRICT: Final = ConfigDict(extra="forbid", defer_build=True)
"""Of every fact: a field that it does not have is an error, on the wire and on disk. Its validator is built when it is
first used: most processes use few."""


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Fact:
    """The envelope that the log adds. Two facts are equal if they say the same, wherever they stand in the log."""

    v: Literal[1] = 1
    seq: Annotated[int, Field(ge=0, description="0, 1, 2, ... without holes")] = field(default=0, compare=False)
    time: Annotated[str, Field(description="time of day, ISO 8601 in UTC")] = field(default="", compare=False)


@dataclass(frozen=True, slots=True, config=STRICT)
class IdleSpan:
    """A stretch in which neither hands nor surroundings move, and the head hardly does."""

    t_start_s: Seconds
    t_end_s: Seconds
    signal: Annotated[
        IdleSignal,
        Field(
            description="what says so: motion, that nothing moves in the picture; embedding, that the embeddings "
            "change much less than usual"
        ),
    ] = "motion"


@dataclass(frozen=True, slots=True, config=STRICT)
class SegmentOpened(Fact):
    """A segment has begun; its start is back-dated to where the change began. Its kind may be unknown yet."""

    event: Literal["segment.opened"] = field(default="segment.opened", kw_only=True)
    segment_id: str
    t_start_s: Seconds
    kind: SegmentKind
    detected_at_s: Seconds
    """Stream time of its detection."""


_ALWAYS_RECORDED: Final = (
    "segment_id", "t_start_s", "t_end_s", "kind", "closed_by", "detected_at_s", "windows", "score_mean", "score_max",
    "theta_on", "theta_off", "period_s", "cycles", "damaged_s", "keyframes", "frames_digest",
)  # fmt: skip


def _require_in_schema(schema: dict[str, Any]) -> None:
    """A default is what a segment has before it is recorded: a line of the log always says the field."""
    schema["required"] = list(_ALWAYS_RECORDED)
    for name in _ALWAYS_RECORDED:
        schema["properties"][name].pop("default", None)


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid", json_schema_extra=_require_in_schema))
class SegmentClosed(Fact):
    """A segment is complete, its keyframes are on disk, and it will not change any more."""

    event: Literal["segment.closed"] = field(default="segment.closed", kw_only=True)
    segment_id: str
    t_start_s: Seconds
    t_end_s: Seconds
    kind: SegmentKind
    closed_by: ClosedBy
    detected_at_s: Seconds
    windows: Annotated[int, Field(ge=0, description="windows that start in it; 0: it was never scored")]
    score_mean: float | None = None
    score_max: float | None = None
    theta_on: float | None = None
    theta_off: float | None = None
    period_s: Annotated[float | None, Field(description="repetition period in seconds, if one is significant")] = None
    cycles: float | None = None
    judged_from_s: Annotated[
        float | None,
        Field(ge=0.0, description="start of its first window that was judged; null: none was, it is in the warm-up"),
    ] = None
    mode: Annotated[
        int | None,
        Field(
            ge=0,
            description="which usual work a typical segment shows, numbered in the order in which they became usual; "
            "null: not known, or not typical",
        ),
    ] = None
    activity: Annotated[
        float | None,
        Field(
            ge=0.0,
            le=1.0,
            description="mean share of the picture that moves independently of the head; null: no two frames could be "
            "compared",
        ),
    ] = None
    head_motion: Annotated[
        float | None,
        Field(ge=0.0, description="mean speed of the whole picture, in picture widths a second; null: as activity"),
    ] = None
    idle_s: Annotated[Duration, Field(description="sum of idle")] = 0.0
    idle: Annotated[
        tuple[IdleSpan, ...], Field(description="stretches of it in which nothing moves for long, in order")
    ] = ()
    damaged_s: Annotated[Duration, Field(description="lost from this segment")] = 0.0
    """This and all that follows is filled in by the record stage."""
    dropped_s: Annotated[Duration, Field(description="left out of it because this machine was too slow")] = 0.0
    keyframes: Count = 0
    keyframe_width_px: Annotated[
        Count, Field(description="boxes are in pixels of this size; 0: keyframes of several sizes")
    ] = 0
    keyframe_height_px: Count = 0
    frames_digest: Annotated[str, Field(description="SHA-256 over the SHA-256 of its keyframes, in order")] = ""

    @model_validator(mode="before")
    @classmethod
    def _is_recorded(cls, values: Any) -> Any:  # noqa: ANN401 - pydantic's arguments of a call, or an object of JSON
        if isinstance(values, Mapping) and (missing := [name for name in _ALWAYS_RECORDED if name not in values]):
            raise ValueError(f"segment.closed lacks {', '.join(missing)}")
        return values


@dataclass(frozen=True, slots=True, config=STRICT)
class SourceDamaged(Fact):
    """A stretch of the source could not be decoded."""

    event: Literal["source.damaged"] = field(default="source.damaged", kw_only=True)
    t_start_s: Seconds
    t_end_s: Seconds
    reason: str
    packets: Count
    """Number of packets lost."""


@dataclass(frozen=True, slots=True, config=STRICT)
class SourceLost(Fact):
    """A live source was lost; ``source.gap`` reports when it is back."""

    event: Literal["source.lost"] = field(default="source.lost", kw_only=True)
    t_s: Seconds
    """End of the last picture."""
    reason: str


@dataclass(frozen=True, slots=True, config=STRICT)
class SourceGap(Fact):
    """A stretch of time without a live source. It is not part of a segment, nor of the decoded time."""

    event: Literal["source.gap"] = field(default="source.gap", kw_only=True)
    t_start_s: Seconds
    t_end_s: Seconds
    reason: str


@dataclass(frozen=True, slots=True, config=STRICT)
class StreamOverload(Fact):
    """This machine was too slow for a live source. Everything skipped is in this stretch, which it need not fill."""

    event: Literal["stream.overload"] = field(default="stream.overload", kw_only=True)
    t_start_s: Seconds
    t_end_s: Seconds
    reason: str
    windows_skipped: Annotated[Count, Field(description="decoded but not embedded")]
    packets_dropped: Annotated[Count, Field(description="not decoded; segment.closed has their duration")]


ClipFact: TypeAlias = SegmentOpened | SegmentClosed | SourceDamaged | SourceLost | SourceGap | StreamOverload
"""What follows from the clip and the options alone, and travels along the chain."""
