"""From a model's text to actions: text without an answer that meets the schema is refused, and nothing is invented.

The answer may stand in a code fence, after the model's thoughts or among other words (``extract``), and exceed the
schema where that can be repaired (``repair``). What a schema cannot express is corrected here, so that any answer that
meets it gives at least one action; each correction is listed in ``Description.repairs``:

- the two times of an action are put in order, and one that starts and ends in the same decisecond lasts it;
- actions are put in order of their start; each ends, at the latest, where the next one starts, and of two that start
  together the longer one stays;
- the corners of a box are put in order and scaled to pixels; an object whose box then has no area is dropped;
- a box that leaves the picture is clamped to it, one in fractions of the picture is scaled, and an object that does not
  meet the schema is dropped.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

from models.annotators.annotator import AnnotationRequest, AnswerForm
from models.annotators.response.description import DescribedAction, DescribedEcot, DescribedObject, Description
from models.annotators.response.extract import answers_in, without_trailing_commas
from models.annotators.response.repair import NumberedAction, repaired_actions
from models.annotators.response.schema import FORM, BoxSpace, Schema, answer_schema, duration_ds

RAW_CHARS_MAX: Final = 1 << 16
"""Several times the longest answer: enough for one with white space in it."""
_LABEL_ERROR_S: Final = 0.05 + 1e-6
"""Of a time that is rounded to deciseconds."""

_NumberedDescription: TypeAlias = tuple[int, DescribedAction]
"""An action and its number in the answer, from 1."""


class AnswerError(Exception):
    """The model's text does not answer the request: one sentence."""


def parse_answer(
    raw: str,
    request: AnnotationRequest,
    box_space: Sequence[int] | None = None,
    frame_times_s: Sequence[float] = (),
    form: AnswerForm = FORM,
) -> Description:
    """What a model's text says of a segment.

    Args:
        raw: the text.
        request: the request that it answers.
        box_space: width and height of the grid of the boxes, as given to ``answer_schema``; None
            for the request's own pixels.
        frame_times_s: times of the frames that the model was shown, in ascending order; empty if not known.
        form: that of the prompt which the text answers.

    Raises:
        AnswerError: no answer in the text meets the request's schema, or its boxes lie in another grid.
    """
    space = (request.width_px, request.height_px) if box_space is None else (box_space[0], box_space[1])
    written, repairs = _of_schema(raw, request, space, form)
    described: list[_NumberedDescription] = []
    for number, action in written:
        objects = _objects(action["objects"], space, request, number, repairs)
        described.append((number, _described(action, objects, request, number, repairs)))
    actions = [_with_frame(action, frame_times_s) for action in _in_order(described, repairs)]
    covered_s = sum(action.t_end_s - action.t_start_s for action in actions)
    uncovered_s = max(0.0, round(request.duration_s - covered_s, 6))
    return Description(tuple(actions), tuple(repairs), uncovered_s)


def _of_schema(
    raw: str, request: AnnotationRequest, box_space: BoxSpace, form: AnswerForm
) -> tuple[list[NumberedAction], list[str]]:
    """The actions of the answer, which meet its schema, and what was repaired for it."""
    if len(raw) > RAW_CHARS_MAX:
        raise AnswerError(f"the answer has {len(raw)} characters, expected at most {RAW_CHARS_MAX}")
    schema = answer_schema(request, box_space, form)
    try:
        return _first_of_schema(raw, schema, [])
    except AnswerError:
        plain = without_trailing_commas(raw)
        if plain == raw:
            raise
        return _first_of_schema(plain, schema, ["commas that nothing follows were left out"])


def _first_of_schema(text: str, schema: Schema, repairs: list[str]) -> tuple[list[NumberedAction], list[str]]:
    """The first answer in a text that meets the schema."""
    errors: list[Exception] = []
    try:
        for answer in answers_in(text):
            try:
                actions, more = repaired_actions(answer, schema)
            except (ValueError, RecursionError) as error:
                errors.append(error)
            else:
                return actions, [*repairs, *more]
    except ValueError as error:
        raise AnswerError(f"the answer is not JSON: {error}") from error
    raise AnswerError(f"the answer is not of the expected form: {errors[0]}") from errors[0]


def _described(
    action: dict[str, Any],
    objects: tuple[DescribedObject, ...],
    request: AnnotationRequest,
    number: int,
    repairs: list[str],
) -> DescribedAction:
    written_ds = _written_ds(action)
    start_ds, end_ds = sorted(written_ds)
    if start_ds != written_ds[0]:
        repairs.append(f"action {number}: its times were swapped")
    if start_ds == end_ds:
        repairs.append(f"action {number}: it ended where it started, and lasts 0.1 s")
    ecot = action["ecot"]
    return DescribedAction(
        t_start_s=_seconds(start_ds, request),
        t_end_s=_seconds(max(end_ds, start_ds + 1), request),
        active=action["active"],
        objects=objects,
        ecot=ecot and DescribedEcot(**{field: text.rstrip() for field, text in ecot.items()}),
    )


def _written_ds(action: dict[str, Any]) -> tuple[int, int]:
    """Start and end as the model wrote them, in deciseconds."""
    if "start_s" in action:
        return round(10 * action["start_s"]), round(10 * action["end_s"])
    return action["start_ds"], action["end_ds"]


def _objects(
    items: list[dict[str, Any]], box_space: BoxSpace, request: AnnotationRequest, number: int, repairs: list[str]
) -> tuple[DescribedObject, ...]:
    """The objects of an action whose boxes have an area."""
    objects = []
    for place, item in enumerate(items, start=1):
        box = item["bbox_2d"] if "bbox_2d" in item else item["bbox"]
        x1, y1, x2, y2 = box
        if x1 > x2 or y1 > y2:
            repairs.append(f"action {number}, object {place}: the corners of its box were put in order")
        bbox = _pixels(box, box_space, request)
        if bbox[0] < bbox[2] and bbox[1] < bbox[3]:
            objects.append(DescribedObject(item["object_name"].rstrip(), bbox, item["rigid"]))
        else:
            repairs.append(f"action {number}, object {place}: dropped, its box has no area")
    return tuple(objects)


def _with_frame(action: DescribedAction, frame_times_s: Sequence[float]) -> DescribedAction:
    """The action whose boxes have the time of their frame: the first that is shown from its start on, else the last.

    A model knows a frame's time to a decisecond, and an action that starts with the frame starts there.
    """
    if not frame_times_s:
        return action
    later = (t_s for t_s in frame_times_s if t_s > action.t_start_s - _LABEL_ERROR_S)
    t_s = next(later, frame_times_s[-1])
    return replace(action, objects=tuple(replace(item, frame_t_s=t_s) for item in action.objects))


def _seconds(time_ds: int, request: AnnotationRequest) -> float:
    """The last decisecond extends to the segment's end, which is seldom a multiple of one."""
    return request.duration_s if time_ds == duration_ds(request) else time_ds / 10


def _pixels(bbox: Sequence[int], box_space: BoxSpace, request: AnnotationRequest) -> tuple[int, int, int, int]:
    """(x1, y1, x2, y2) in pixels, x1 <= x2, y1 <= y2."""
    x_scale, y_scale = request.width_px / box_space[0], request.height_px / box_space[1]
    x1, x2 = sorted(round(x * x_scale) for x in bbox[::2])
    y1, y2 = sorted(round(y * y_scale) for y in bbox[1::2])
    return x1, y1, x2, y2


def _in_order(actions: list[_NumberedDescription], repairs: list[str]) -> list[DescribedAction]:
    """Ordered and disjoint actions; those without any time left are dropped. The last one always stays."""
    ordered = sorted(actions, key=lambda numbered: (numbered[1].t_start_s, numbered[1].t_end_s))
    if [number for number, _ in ordered] != [number for number, _ in actions]:
        repairs.append("the actions were put in order of their start")
    starts_of_next_s = [*(action.t_start_s for _, action in ordered[1:]), math.inf]
    disjoint = []
    for (number, action), next_start_s in zip(ordered, starts_of_next_s, strict=True):
        end_s = min(action.t_end_s, next_start_s)
        if action.t_start_s >= end_s:
            repairs.append(f"action {number}: dropped, another one starts with it")
            continue
        if end_s < action.t_end_s:
            repairs.append(f"action {number}: it ends at {end_s:.1f} s, where the next one starts")
        disjoint.append(replace(action, t_end_s=end_s))
    return disjoint
