"""From a model's text to actions, strictly: text that does not meet the schema is refused, and nothing is invented.

What a schema cannot express is corrected here, so that any answer that meets it gives at least one action:

- the two times of an action are put in order, and one that starts and ends in the same decisecond lasts it;
- actions are put in order of their start; each ends, at the latest, where the next one starts, and of two that start
  together the longer one stays;
- the corners of a box are put in order and scaled to pixels; an object whose box then has no area is dropped.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NoReturn

from models.annotators.annotator import AnnotationRequest
from models.annotators.response.form import check_form
from models.annotators.response.schema import BoxSpace, answer_schema, duration_ds

RAW_CHARS_MAX: Final = 1 << 16
"""Several times the longest answer: enough for one with white space in it."""


class AnswerError(Exception):
    """The model's text does not answer the request: one sentence."""


@dataclass(frozen=True, slots=True)
class DescribedObject:
    """An object that is handled or in the way."""

    object_name: str
    bbox: tuple[int, int, int, int]
    """x1, y1, x2, y2 in pixels of the request's frames; x1 < x2, y1 < y2."""
    rigid: bool


@dataclass(frozen=True, slots=True)
class DescribedEcot:
    """Embodied chain of thought, as a model answers it."""

    scene: str
    subtask: str
    motion: str
    prediction: str


@dataclass(frozen=True, slots=True)
class DescribedAction:
    """One action of a segment. An idle one has no objects and no reasoning."""

    t_start_s: float
    """Seconds from the segment's start."""
    t_end_s: float
    active: bool
    objects: tuple[DescribedObject, ...]
    ecot: DescribedEcot | None


def parse_answer(
    raw: str, request: AnnotationRequest, box_space: Sequence[int] | None = None
) -> tuple[DescribedAction, ...]:
    """The actions in a model's text: at least one, ordered, disjoint, within [0, duration].

    Args:
        raw: the text.
        request: the request that it answers.
        box_space: width and height of the grid of the boxes, as given to ``answer_schema``; None
            for the request's own pixels.

    Raises:
        AnswerError: the text does not meet the request's schema, or its boxes lie in another grid.
    """
    space = (request.width_px, request.height_px) if box_space is None else (box_space[0], box_space[1])
    answer = _of_schema(raw, request, space)
    return tuple(_in_order([_described(action, space, request) for action in answer["actions"]]))


def _of_schema(raw: str, request: AnnotationRequest, box_space: BoxSpace) -> dict[str, Any]:
    if len(raw) > RAW_CHARS_MAX:
        raise AnswerError(f"the answer has {len(raw)} characters, expected at most {RAW_CHARS_MAX}")
    try:
        answer: dict[str, Any] = json.loads(raw, object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise AnswerError(f"the answer is not JSON: {error}") from error
    try:
        check_form(answer, answer_schema(request, box_space))
    except (ValueError, RecursionError) as error:
        raise AnswerError(f"the answer is not of the expected form: {error}") from error
    return answer


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a field occurs twice")
    return fields


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number")


def _described(action: dict[str, Any], box_space: BoxSpace, request: AnnotationRequest) -> DescribedAction:
    start_ds, end_ds = sorted((action["start_ds"], action["end_ds"]))
    objects = (_in_pixels(item, box_space, request) for item in action["objects"])
    ecot = action["ecot"]
    return DescribedAction(
        t_start_s=_seconds(start_ds, request),
        t_end_s=_seconds(max(end_ds, start_ds + 1), request),
        active=action["active"],
        objects=tuple(item for item in objects if item.bbox[0] < item.bbox[2] and item.bbox[1] < item.bbox[3]),
        ecot=ecot and DescribedEcot(**{field: text.rstrip() for field, text in ecot.items()}),
    )


def _in_pixels(item: dict[str, Any], box_space: BoxSpace, request: AnnotationRequest) -> DescribedObject:
    return DescribedObject(item["object_name"].rstrip(), _pixels(item["bbox"], box_space, request), item["rigid"])


def _seconds(time_ds: int, request: AnnotationRequest) -> float:
    """The last decisecond extends to the segment's end, which is seldom a multiple of one."""
    return request.duration_s if time_ds == duration_ds(request) else time_ds / 10


def _pixels(bbox: Sequence[int], box_space: BoxSpace, request: AnnotationRequest) -> tuple[int, int, int, int]:
    """(x1, y1, x2, y2) in pixels, x1 <= x2, y1 <= y2."""
    x_scale, y_scale = request.width_px / box_space[0], request.height_px / box_space[1]
    x1, x2 = sorted(round(x * x_scale) for x in bbox[::2])
    y1, y2 = sorted(round(y * y_scale) for y in bbox[1::2])
    return x1, y1, x2, y2


def _in_order(actions: list[DescribedAction]) -> Iterator[DescribedAction]:
    """Ordered and disjoint actions; those without any time left are dropped. The last one always stays."""
    ordered = sorted(actions, key=lambda action: (action.t_start_s, action.t_end_s))
    starts_of_next = [*(action.t_start_s for action in ordered[1:]), math.inf]
    for action, next_start_s in zip(ordered, starts_of_next, strict=True):
        end_s = min(action.t_end_s, next_start_s)
        if action.t_start_s < end_s:
            yield replace(action, t_end_s=end_s)
