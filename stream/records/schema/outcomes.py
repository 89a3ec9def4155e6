"""The events of descriptions: what became of each segment, and what it cost.

``stream.records.schema.events`` has them among all events of a run.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field
from pydantic.dataclasses import dataclass

from stream.pipeline.facts import STRICT, Count, Duration, Fact, Seconds


def is_empty(value: object) -> bool:
    """Whether a field is left out of its line, as it was before there was one."""
    return value is None or value == ""


Dollars: TypeAlias = Annotated[float, Field(ge=0.0, description="dollars")]
AnnotationName: TypeAlias = Annotated[
    str,
    Field(
        pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$",
        description="the annotation that it belongs to; absent: the first one, which began with the run",
        exclude_if=is_empty,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class AnnotationStarted(Fact):
    """The segments of a finished run are described again: from now on it has one more annotation.

    It is the default from the ``run.finished`` on that names it.
    """

    event: Literal["annotation.started"] = "annotation.started"
    annotation_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    annotator: Annotated[str, Field(description="the model, as in segment.annotated")]
    unit: Annotated[
        Literal["segment", "clip"],
        Field(description="what a request describes: a segment, or the clip or a long part of it"),
    ] = "segment"
    options: Annotated[dict[str, str | int | float | bool | None], Field(description="of the annotator")]


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class _Inference(Fact):
    annotation_name: AnnotationName = ""
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
    preceding_frames: Annotated[
        Count,
        Field(description="shown, too: the last ones of the segment that --detector-max-segment-s has cut it from"),
    ] = 0
    subtasks: Annotated[tuple[str, ...], Field(description="subtasks of its active actions, in order of time")] = ()
    objects: Annotated[tuple[str, ...], Field(description="names of its objects, each once")] = ()
    repairs: Annotated[
        tuple[str, ...],
        Field(
            description="what is not as the model wrote it: clamped, swapped, reordered, cut or dropped; actions and "
            "objects are numbered as in the raw response",
        ),
    ] = ()
    uncovered_s: Annotated[Duration, Field(description="of it, in no action")] = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class SegmentFailed(_Inference):
    """A segment could not be annotated."""

    event: Literal["segment.failed"] = "segment.failed"
    segment_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class PartAnnotated(_Inference):
    """A part of the clip has been described, in an annotation of the whole clip."""

    event: Literal["part.annotated"] = "part.annotated"
    part_id: str
    t_start_s: Seconds
    t_end_s: Seconds
    actions: Count
    frames: Annotated[Count, Field(description="shown to the model")] = 0
    repairs: Annotated[tuple[str, ...], Field(description="as in segment.annotated")] = ()


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class PartFailed(_Inference):
    """A part of the clip could not be described."""

    event: Literal["part.failed"] = "part.failed"
    part_id: str
    t_start_s: Seconds
    t_end_s: Seconds
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class SegmentSkipped(Fact):
    """A segment was not sent to the annotator."""

    event: Literal["segment.skipped"] = "segment.skipped"
    annotation_name: AnnotationName = ""
    segment_id: str
    reason: str
    same_as: Annotated[str | None, Field(description="the annotated segment that it resembles")] = None
    similarity: Annotated[float | None, Field(description="cosine similarity of the two mean embeddings")] = None


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Annotation:
    """The cost of annotating the segments, including those that failed."""

    tokens_in: Count = 0
    tokens_out: Count = 0
    seconds: Duration = 0.0
    dollars: Annotated[Dollars | None, Field(description="null: part of it is unknown")] = 0.0


Outcome: TypeAlias = SegmentAnnotated | SegmentFailed | SegmentSkipped
"""The outcome of a closed segment."""

PartOutcome: TypeAlias = PartAnnotated | PartFailed
"""The outcome of a part of a clip that is described as a whole."""
Request: TypeAlias = SegmentAnnotated | SegmentFailed | PartAnnotated | PartFailed
"""What has a cost."""
