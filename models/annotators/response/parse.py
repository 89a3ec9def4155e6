"""From a model's text to actions, strictly: text that does not meet the schema is refused, and nothing is made up.

What a schema cannot express is corrected here, so that any answer that meets it gives at least one action:

- the two times of an action are put in order, and one that starts and ends in the same decisecond lasts it;
- actions are put in order of their start; each ends, at the latest, where the next one starts, and of two that start
  together the longer one stays;
- the corners of a box are put in order and scaled to pixels; an object whose box then has no area is dropped.
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, NoReturn, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.annotators.annotator import AnnotationRequest
from models.annotators.response.schema import (
    ACTIONS_MAX,
    NAME_CHARS_MAX,
    OBJECTS_MAX,
    WORDS_CHARS_MAX,
    BoxSpace,
    duration_ds,
    echo_of,
    words_pattern,
)

RAW_CHARS_MAX: Final = 1 << 16
"""Several times the longest answer: enough for one with white space in it."""

_NUMBER_MAX: Final = 1_000_000
"""Well above any bound of a schema."""


class AnswerError(Exception):
    """The model's text does not answer the request: one sentence."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


_Words: TypeAlias = Annotated[str, Field(pattern=words_pattern(WORDS_CHARS_MAX))]
_Natural: TypeAlias = Annotated[int, Field(ge=0, le=_NUMBER_MAX)]
_Positive: TypeAlias = Annotated[int, Field(ge=1, le=_NUMBER_MAX)]


class DescribedObject(_Strict):
    """Something that is handled or in the way."""

    object_name: Annotated[str, Field(pattern=words_pattern(NAME_CHARS_MAX))]
    bbox: tuple[_Natural, _Natural, _Natural, _Natural]
    """x1, y1, x2, y2: in an answer in its grid, corners in any order; once parsed, x1 < x2, y1 < y2 in pixels of the
    request's frames."""
    rigid: bool


class Ecot(_Strict):
    """Embodied chain of thought."""

    scene: _Words
    subtask: _Words
    motion: _Words
    prediction: _Words


@dataclass(frozen=True, slots=True)
class DescribedAction:
    """One action of a segment. An idle one has no objects and no reasoning."""

    t_start_s: float
    """Seconds from the segment's start."""
    t_end_s: float
    active: bool
    objects: tuple[DescribedObject, ...]
    ecot: Ecot | None


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
        AnswerError: the text does not meet the request's schema, or their boxes lie in another grid.
    """
    answer = _of_schema(raw, request, tuple(box_space or (request.width_px, request.height_px)))
    return tuple(_in_turn([_described(action, answer.box_space, request) for action in answer.actions]))


class _Action(_Strict):
    ecot: Ecot | None
    objects: Annotated[tuple[DescribedObject, ...], Field(max_length=OBJECTS_MAX)]
    active: bool
    start_ds: _Natural
    end_ds: _Positive

    @model_validator(mode="after")
    def _idle_is_empty(self) -> Self:
        if self.active == (self.ecot is None) or (not self.active and self.objects):
            raise ValueError("an active action has an ecot, an idle one has neither ecot nor objects")
        return self


class _Answer(_Strict):
    request: str
    box_space: tuple[_Positive, _Positive]
    actions: Annotated[tuple[_Action, ...], Field(min_length=1, max_length=ACTIONS_MAX)]


def _of_schema(raw: str, request: AnnotationRequest, box_space: tuple[int, ...]) -> _Answer:
    if len(raw) > RAW_CHARS_MAX:
        raise AnswerError(f"the answer has {len(raw)} characters, expected at most {RAW_CHARS_MAX}")
    try:
        # Once to find what pydantic lets pass, once to check the form.
        json.loads(raw, object_pairs_hook=_without_doubles, parse_constant=_no_number)
        answer = _Answer.model_validate_json(raw)
    except ValidationError as error:
        raise AnswerError(f"the answer is not of the expected form: {_first_fault(error)}") from error
    except (ValueError, RecursionError) as error:
        raise AnswerError(f"the answer is not JSON: {error}") from error
    _check_bounds(answer, request, box_space)
    return answer


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a field is there twice")
    return fields


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _first_fault(error: ValidationError) -> str:
    """The place and the fault in our own words: names of fields may come from a model."""
    fault = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in fault["loc"] if re.fullmatch(r"[a-z_]{1,20}|\d", str(part)))
    return f"{place or 'the whole'}: {fault['msg']}"


def _check_bounds(answer: _Answer, request: AnnotationRequest, box_space: tuple[int, ...]) -> None:
    if answer.request != echo_of(request):
        raise AnswerError(f"the answer is to request {answer.request[:20]!a}, expected {echo_of(request)!a}")
    last_ds, (width, height) = duration_ds(request), answer.box_space
    if answer.box_space != box_space:
        expected = "x".join(map(str, box_space))
        raise AnswerError(f"the answer's boxes are in a grid of {width}x{height}, expected {expected}")
    for action in answer.actions:
        if action.start_ds >= last_ds or action.end_ds > last_ds:
            raise AnswerError(f"an action is at {action.start_ds}-{action.end_ds} ds, the segment ends at {last_ds} ds")
        for seen in action.objects:
            x1, y1, x2, y2 = seen.bbox
            if max(x1, x2) > width or max(y1, y2) > height:
                raise AnswerError(f"the box {seen.bbox} lies outside of {width}x{height}")


def _described(action: _Action, box_space: BoxSpace, request: AnnotationRequest) -> DescribedAction:
    start_ds, end_ds = sorted((action.start_ds, action.end_ds))
    objects = (_in_pixels(seen, box_space, request) for seen in action.objects)
    return DescribedAction(
        t_start_s=_seconds(start_ds, request),
        t_end_s=_seconds(max(end_ds, start_ds + 1), request),
        active=action.active,
        objects=tuple(seen for seen in objects if seen.bbox[0] < seen.bbox[2] and seen.bbox[1] < seen.bbox[3]),
        ecot=Ecot(**{field: words.rstrip() for field, words in action.ecot}) if action.ecot else None,
    )


def _in_pixels(seen: DescribedObject, box_space: BoxSpace, request: AnnotationRequest) -> DescribedObject:
    bbox = _pixels(seen.bbox, box_space, request)
    return DescribedObject(object_name=seen.object_name.rstrip(), bbox=bbox, rigid=seen.rigid)


def _seconds(time_ds: int, request: AnnotationRequest) -> float:
    """The last decisecond extends to the segment's end, which is seldom a multiple of one."""
    return request.duration_s if time_ds == duration_ds(request) else time_ds / 10


def _pixels(
    bbox: tuple[int, int, int, int], box_space: BoxSpace, request: AnnotationRequest
) -> tuple[int, int, int, int]:
    """(x1, y1, x2, y2) in pixels, x1 <= x2, y1 <= y2."""
    x_scale, y_scale = request.width_px / box_space[0], request.height_px / box_space[1]
    x1, x2 = sorted(round(x * x_scale) for x in bbox[::2])
    y1, y2 = sorted(round(y * y_scale) for y in bbox[1::2])
    return x1, y1, x2, y2


def _in_turn(actions: list[DescribedAction]) -> Iterator[DescribedAction]:
    """Ordered and disjoint; those that no time is left of are dropped. The last one always stays."""
    ordered = sorted(actions, key=lambda action: (action.t_start_s, action.t_end_s))
    starts_of_next = [*(action.t_start_s for action in ordered[1:]), math.inf]
    for action, next_start_s in zip(ordered, starts_of_next, strict=True):
        end_s = min(action.t_end_s, next_start_s)
        if action.t_start_s < end_s:
            yield replace(action, t_end_s=end_s)
