"""``<stem>_annotations.json``: the action segments, in the shape of the original pipeline, each with its segment."""

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, BinaryIO, Final, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from stream.pipeline.facts import Seconds, SegmentKind
from stream.records.store.atomic import reading, replace_file, replaced_when_whole


class _StrictRecord(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SceneObject(_StrictRecord):
    """An object that is handled or in the way."""

    object_name: str
    bbox: tuple[float, float, float, float] = Field(description="x1, y1, x2, y2, pixels of the rectified keyframe")
    rigid: bool


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
    segment_id: str
    kind: SegmentKind

    @model_validator(mode="after")
    def _idle_is_empty(self) -> Self:
        if self.active == (self.ecot is None) or (not self.active and self.objects):
            raise ValueError("an active action has an ecot; an idle one has neither ecot nor objects")
        return self


ACTIONS: TypeAdapter[list[Action]] = TypeAdapter(list[Action])


def write_annotations(path: Path, actions: list[Action]) -> None:
    """Replace the file durably; it is valid JSON at any time."""
    replace_file(path, ACTIONS.dump_json(actions, indent=1) + b"\n")


def read_annotations(path: Path) -> list[Action]:
    """The action segments so far.

    Raises:
        DamagedError: the file is not a list of actions.
    """
    with reading(path):
        return ACTIONS.validate_json(path.read_bytes())


TAIL_MAX: Final = 256
"""Number of actions at the file's end that are held in memory: answers come out of order by a few segments."""


class AnnotationsFile:
    """The growing file. A reader sees it before or after a change, never in between.

    It is replaced as a whole, but everything before its last ``TAIL_MAX`` actions is copied by the system, and neither
    parsed nor serialised again. So memory and computation do not grow with the file; only the bytes written do.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._load()

    def put(self, segment_id: str, actions: Sequence[Action]) -> None:
        """Insert a segment's actions in order of time, replacing its earlier ones, and number everything after them."""
        start_s = min((action.t_start_s for action in actions), default=-math.inf)
        if self._before and start_s < self._tail[0].t_end_s:
            self._load()
        others = (action for action in self._tail if action.segment_id != segment_id)
        tail = numbered([*others, *actions], first=self._before + 1)
        elements = list(_elements(tail))
        self._write(elements)
        self._trim(tail, elements)

    def _load(self) -> None:
        """Load the whole file: new actions belong before the tail, or nothing was loaded yet."""
        self._before = self._bytes_before = 0
        """Number of actions before the tail, and their bytes, up to the beginning of the tail."""
        self._tail = read_annotations(self._path) if self._path.exists() else []

    def _trim(self, tail: list[Action], elements: list[bytes]) -> None:
        """Keep the last actions as the tail."""
        moved = max(0, len(tail) - TAIL_MAX)
        if moved and not self._before:
            self._bytes_before = len(_OPEN)
        self._bytes_before += sum(len(element) + len(_COMMA) for element in elements[:moved])
        self._before += moved
        self._tail = tail[moved:]

    def _write(self, elements: list[bytes]) -> None:
        with replaced_when_whole(self._path) as part, part.open("wb") as new:
            if self._before:
                with self._path.open("rb") as old:
                    _copy(old, new, self._bytes_before)
            else:
                new.write(_OPEN if elements else b"[")
            new.write(_COMMA.join(elements) + (_CLOSE if elements else b"]\n"))


_OPEN, _COMMA, _CLOSE = b"[\n", b",\n", b"\n]\n"


def _elements(actions: Iterable[Action]) -> Iterator[bytes]:
    """The JSON of each action as an element of the array."""
    return (ACTIONS.dump_json([action], indent=1)[len(_OPEN) : 1 - len(_CLOSE)] for action in actions)


def _copy(old: BinaryIO, new: BinaryIO, count: int) -> None:
    """Copy the first ``count`` bytes of a file to a new one within the kernel."""
    done = 0
    while done < count:
        done += os.sendfile(new.fileno(), old.fileno(), done, count - done)
    new.seek(count)


def numbered(actions: Iterable[Action], first: int = 1) -> list[Action]:
    """The actions in order of time, numbered from ``first``."""
    in_order = sorted(actions, key=lambda action: (action.t_start_s, action.t_end_s))
    return [action.model_copy(update={"action_id": place}) for place, action in enumerate(in_order, first)]
