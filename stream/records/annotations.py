"""``<stem>_annotations.json``: the action segments, in the shape of the original pipeline and traceable."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from stream.records.atomic import replace_file
from stream.records.damage import reading
from stream.records.events import Kind, Seconds


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SceneObject(_Strict):
    """Something that is handled or in the way."""

    object_name: str
    bbox: tuple[float, float, float, float] = Field(description="x1, y1, x2, y2, pixels of the rectified keyframe")
    rigid: bool


class Ecot(_Strict):
    """Embodied chain of thought."""

    scene: str
    subtask: str
    motion: str
    prediction: str


class Action(_Strict):
    """One action. An idle one has no objects and no reasoning."""

    action_id: Annotated[int, Field(ge=1)]
    t_start_s: Seconds
    t_end_s: Seconds
    active: bool
    objects: tuple[SceneObject, ...]
    ecot: Ecot | None
    segment_id: str
    kind: Kind

    @model_validator(mode="after")
    def _idle_is_empty(self) -> Self:
        if self.active == (self.ecot is None) or (not self.active and self.objects):
            raise ValueError("an active action has an ecot; an idle one has neither ecot nor objects")
        return self


ACTIONS: TypeAdapter[list[Action]] = TypeAdapter(list[Action])


def write_annotations(path: Path, actions: list[Action]) -> None:
    """Replace the file, durably: it is valid JSON at every instant."""
    replace_file(path, ACTIONS.dump_json(actions, indent=1) + b"\n")


def read_annotations(path: Path) -> list[Action]:
    """The action segments so far.

    Raises:
        DamagedError: the file holds something else.
    """
    with reading(path):
        return ACTIONS.validate_json(path.read_bytes())
