"""An action, as it is recorded: in the shape of the original pipeline, with its segments."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from stream.pipeline.facts import Seconds, SegmentKind


def _is_empty(value: object) -> bool:
    """Whether a field is left out, as it was before there was one."""
    return value == ()


class _StrictRecord(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SceneObject(_StrictRecord):
    """An object that is handled or in the way."""

    object_name: str
    bbox: tuple[float, float, float, float] = Field(description="x1, y1, x2, y2, pixels of the rectified keyframe")
    rigid: bool
    keyframe_t_s: Annotated[
        Seconds | None,
        Field(description="time of the keyframe that the box is in; null: written by an earlier version"),
    ] = None
    keyframe_width_px: Annotated[int | None, Field(ge=1, description="size of that keyframe; null: as above")] = None
    keyframe_height_px: Annotated[int | None, Field(ge=1)] = None


class Ecot(_StrictRecord):
    """Embodied chain of thought, as recorded.

    A model's answer has its own class (``models.annotators.response.parse.DescribedEcot``): its text is bounded, and
    records are read without ``models``.
    """

    scene: str
    subtask: str
    motion: str
    prediction: str


class Action(_StrictRecord):
    """One action. An idle one has no objects and no reasoning."""

    action_id: Annotated[int, Field(ge=1)]
    t_start_s: Seconds
    t_end_s: Seconds
    active: bool
    objects: tuple[SceneObject, ...]
    ecot: Ecot | None
    segment_id: Annotated[
        str, Field(description="its segment; of several, the first, or of a whole clip the one with most of it")
    ]
    segment_ids: Annotated[
        tuple[str, ...],
        Field(
            description="all segments that it runs through, in order; absent: segment_id alone", exclude_if=_is_empty
        ),
    ] = ()
    kind: SegmentKind

    @property
    def segments(self) -> tuple[str, ...]:
        """All segments that it runs through, in order of time."""
        return self.segment_ids or (self.segment_id,)

    @model_validator(mode="after")
    def _idle_is_empty(self) -> Self:
        if self.active == (self.ecot is None) or (not self.active and self.objects):
            raise ValueError("an active action has an ecot; an idle one has neither ecot nor objects")
        return self
