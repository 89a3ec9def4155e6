"""From a model's text to actions: strict, and nothing is invented."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.annotators.annotator import AnnotationRequest, AnswerForm
from models.annotators.response.description import DescribedAction, DescribedEcot, DescribedObject
from models.annotators.response.parse import AnswerError, parse_answer
from models.annotators.response.schema import BoxSpace, echo_of
from tests.support.answer_strategies import DIGEST, asked_and_answered, make_request
from tests.support.properties import examples

ECOT = {"scene": "bench", "subtask": "drive screw", "motion": "right hand turns", "prediction": "next screw"}
V2: AnswerForm = "annotate-v2"
REQUEST = make_request(duration_s=12.34, width_px=456, height_px=256)


def busy(start_ds: int, end_ds: int, *boxes: list[int]) -> dict[str, Any]:
    """An active action with a screw in each box."""
    things = [{"object_name": "screw", "bbox": box, "rigid": True} for box in boxes]
    return {"ecot": ECOT, "objects": things, "active": True, "start_ds": start_ds, "end_ds": end_ds}


def idle(start_ds: int, end_ds: int) -> dict[str, Any]:
    """An action in which nothing is done."""
    return {"ecot": None, "objects": [], "active": False, "start_ds": start_ds, "end_ds": end_ds}


def answer(*actions: dict[str, Any], **changes: Any) -> str:  # noqa: ANN401  (any JSON value)
    """The words of a model that answers ``REQUEST``."""
    return json.dumps({"request": echo_of(REQUEST), "box_space": [456, 256], "actions": actions} | changes)


def times(raw: str) -> list[tuple[float, float]]:
    """Start and end of the actions that come of it."""
    return [(action.t_start_s, action.t_end_s) for action in parse_answer(raw, REQUEST, form=V2).actions]


def test_answer_is_read() -> None:
    """Every field arrives where it belongs, in seconds and pixels."""
    first, second = parse_answer(answer(busy(0, 41, [1, 2, 30, 40]), idle(41, 60)), REQUEST, form=V2).actions
    screw = DescribedObject(object_name="screw", bbox=(1, 2, 30, 40), rigid=True)
    assert first == DescribedAction(0.0, 4.1, active=True, objects=(screw,), ecot=DescribedEcot(**ECOT))
    assert second == DescribedAction(4.1, 6.0, active=False, objects=(), ecot=None)


@pytest.mark.parametrize(
    ("start_ds", "times_s", "frame_s"),
    [
        (0, [0.0, 1.0, 2.0], 0.0),
        (10, [0.0, 1.0, 2.0], 1.0),
        (11, [0.0, 1.0, 2.0], 2.0),
        (10, [0.0, 0.96, 2.0], 0.96),  # the model was told 1.0 s
        (10, [0.0, 0.94, 2.0], 2.0),
        (30, [0.0, 1.0, 2.0], 2.0),  # none is shown from there on
        (30, [], None),
    ],
)
def test_box_is_in_the_first_frame_of_its_action(start_ds: int, times_s: list[float], frame_s: float | None) -> None:
    """A box has the time of the frame that the model was to find it in."""
    (action,) = parse_answer(answer(busy(start_ds, 60, [1, 2, 30, 40])), REQUEST, None, times_s, V2).actions
    assert [thing.frame_t_s for thing in action.objects] == [frame_s]


@pytest.mark.slow
@examples(150, fast=10)
@given(asked_and_answered())
def test_any_answer_of_the_schema_gives_valid_actions(
    case: tuple[AnnotationRequest, BoxSpace | None, AnswerForm, str],
) -> None:
    """It is never refused; actions last and are disjoint, inside the segment; boxes have an area inside the picture."""
    request, space, form, raw = case
    description = parse_answer(raw, request, space, form=form)
    actions = description.actions
    covered_s = sum(action.t_end_s - action.t_start_s for action in actions)
    assert covered_s + description.uncovered_s == pytest.approx(request.duration_s)
    edges = [edge for action in actions for edge in (action.t_start_s, action.t_end_s)]
    assert edges
    assert edges == sorted(edges)
    assert edges[0] >= 0
    assert edges[-1] <= request.duration_s
    for action in actions:
        assert action.t_start_s < action.t_end_s
        assert action.active == (action.ecot is not None)
        assert action.active or not action.objects
        for thing in action.objects:
            x1, y1, x2, y2 = thing.bbox
            assert 0 <= x1 < x2 <= request.width_px
            assert 0 <= y1 < y2 <= request.height_px


@pytest.mark.slow
@examples(100, fast=5)
@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_any_other_text_is_refused_in_one_way(raw: str) -> None:
    """Any other text is an ``AnswerError``."""
    with pytest.raises(AnswerError):
        parse_answer(raw, REQUEST, form=V2)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("", "is not JSON"),
        ("<html>502 Bad Gateway</html>", "is not JSON"),
        (answer(idle(0, 9))[:-1], "is not JSON"),
        ("[" * 60_000, "is not JSON"),
        ("1" * 60_000, "the answer is not an object"),
        (answer(idle(0, 9)) + " " * 66_000, "characters, expected at most 65536"),
        (answer(idle(0, 9)).replace("9}", "NaN}"), "NaN is not a number"),
        (answer(idle(0, 9)).replace("9}", "Infinity}"), "Infinity is not a number"),
        (answer(idle(0, 9)).replace("9}", '9, "end_ds": 9}'), "a field occurs twice"),
        (answer(idle(0, 9)).replace("9}", "9.5}"), r"actions\.0\.end_ds is 9\.5, expected an integer from 1 to 123"),
        (answer(idle(0, 9)).replace("9}", "9.0}"), r"actions\.0\.end_ds is 9\.0, expected an integer"),
        (answer(idle(0, 9)).replace("9}", "true}"), r"actions\.0\.end_ds is True, expected an integer"),
        (answer(idle(0, 9)).replace("9}", '"9"}'), r"actions\.0\.end_ds is '9', expected an integer"),
        (answer(idle(0, 9)).replace("9}", "-1}"), r"actions\.0\.end_ds is -1, expected an integer from 1"),
        (answer(idle(0, 9), request="0" * 12), "request is '000000000000', expected \"3f9a01c27be4\""),
        ("[]", "the answer is not an object"),
        (answer(), "actions is not a list of 1 to 6 items"),
        (answer({**busy(0, 9), "ecot": None}), r"actions\.0\.ecot is not an object of scene, subtask"),
        (
            answer({**idle(0, 9), "ecot": ECOT}),
            r"actions\.0\.(ecot is .*, expected null|active is False, expected true)",
        ),
        (
            answer({**idle(0, 9), "objects": busy(0, 9, [0, 0, 9, 9])["objects"]}),
            r"actions\.0\.objects is .*, expected \[\]",
        ),
        (answer(busy(0, 9, [0, 0, 9, 9]), box_space=[0, 256]), r"box_space is \[0, 256\], expected \[456,256\]"),
        (
            answer(idle(0, 9)).replace("9}", "9" * 5000 + "}"),
            r"actions\.0\.end_ds is inf, expected an integer from 1 to",
        ),
        (answer(idle(0, 124)), r"actions\.0\.end_ds is 124, expected an integer from 1 to 123"),
        (answer({**busy(0, 9), "ecot": {**ECOT, "scene": ""}}), r"ecot\.scene is '', expected text of 1 to 160"),
        (answer({**busy(0, 9), "ecot": {**ECOT, "scene": "\x1b\n"}}), r"ecot\.scene is '\\x1b\\n', expected text"),
        (answer({**busy(0, 9), "ecot": {**ECOT, "scene": "\ud800"}}), "is not of the expected form"),
        (answer(idle(123, 123)), r"start_ds is 123, expected an integer from 0 to 122"),
        (answer(idle(0, 0)), r"end_ds is 0, expected an integer from 1 to 123"),
    ],
)
def test_text_that_is_not_an_answer_is_refused(raw: str, message: str) -> None:
    """Text that is not JSON, not of the form, or for another request is an error that names the place."""
    with pytest.raises(AnswerError, match=message) as refused:
        parse_answer(raw, REQUEST, form=V2)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 300


def test_answer_for_other_frames_is_refused() -> None:
    """An answer about one segment is refused for one with other frames."""
    other = AnnotationRequest("s1", DIGEST[::-1], REQUEST.duration_s, REQUEST.frames, 456, 256)
    with pytest.raises(AnswerError, match="request is '3f9a01c27be4'"):
        parse_answer(answer(idle(0, 9)), other, form=V2)


@pytest.mark.parametrize("space", [[7, 999_999], [1000, 1000], [256, 456]])
def test_answer_in_another_grid_is_refused(space: list[int]) -> None:
    """Boxes in another grid than requested are refused, not scaled."""
    with pytest.raises(AnswerError, match=rf"box_space is \[{space[0]}, {space[1]}\], expected \[456,256\]"):
        parse_answer(answer(busy(0, 9, [0, 0, 7, 9]), box_space=space), REQUEST, form=V2)
    with pytest.raises(AnswerError, match=r"expected \[448,252\]"):
        parse_answer(answer(busy(0, 9, [0, 0, 7, 9])), REQUEST, (448, 252), form=V2)


def test_white_space_is_allowed() -> None:
    """A server may add white space to its JSON."""
    raw = json.dumps(json.loads(answer(idle(0, 9))), indent=4)
    assert times(raw) == [(0.0, 0.9)]


@pytest.mark.parametrize(
    ("message", "meant"),
    [
        ([(50, 60), (0, 20)], [(0.0, 2.0), (5.0, 6.0)]),  # out of order
        ([(0, 30), (20, 60)], [(0.0, 2.0), (2.0, 6.0)]),  # overlapping: the first ends where the second starts
        ([(0, 90), (20, 30)], [(0.0, 2.0), (2.0, 3.0)]),  # one inside the other
        ([(0, 20), (0, 50)], [(0.0, 5.0)]),  # together: the longer one stays
        ([(60, 30), (5, 20)], [(0.5, 2.0), (3.0, 6.0)]),  # backwards
        ([(20, 20), (40, 41), (122, 122)], [(2.0, 2.1), (4.0, 4.1), (12.2, 12.34)]),  # within one decisecond
        ([(0, 123)], [(0.0, 12.34)]),  # the last decisecond is the segment's end
    ],
)
def test_times_are_put_in_order(message: list[tuple[int, int]], meant: list[tuple[float, float]]) -> None:
    """Each moment belongs to at most one action."""
    assert times(answer(*(idle(*span) for span in message))) == meant


@pytest.mark.parametrize(
    ("box", "space", "pixels"),
    [
        ([30, 40, 10, 20], [456, 256], [(10, 20, 30, 40)]),  # corners in another order
        ([10, 40, 30, 20], [456, 256], [(10, 20, 30, 40)]),
        ([10, 20, 10, 40], [456, 256], []),  # no width
        ([0, 0, 456, 256], [456, 256], [(0, 0, 456, 256)]),
        ([500, 250, 1000, 1000], [1000, 1000], [(228, 64, 456, 256)]),  # a grid of thousandths
        ([448, 252, 0, 0], [448, 252], [(0, 0, 456, 256)]),
        ([500, 0, 501, 9], [1000, 1000], []),  # less than a pixel
    ],
)
def test_boxes_are_put_in_order(box: list[int], space: list[int], pixels: list[tuple[int, int, int, int]]) -> None:
    """Boxes come out in pixels of the frame; an object whose box has no area is left out."""
    (action,) = parse_answer(answer(busy(0, 9, box), box_space=space), REQUEST, space, form=V2).actions
    assert [thing.bbox for thing in action.objects] == pixels
