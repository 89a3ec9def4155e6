"""The form annotate-v3: times in seconds, words before the decision, boxes as ``bbox_2d``."""

import json
from typing import Any

import pytest

from models.annotators.response.description import Description
from models.annotators.response.parse import AnswerError, parse_answer
from models.annotators.response.schema import answer_schema, echo_of
from tests.support.answer_strategies import make_request

REQUEST = make_request(duration_s=12.34, width_px=456, height_px=256)
ECOT = dict.fromkeys(("scene", "subtask", "motion", "prediction"), "work")


def busy(start_s: object, end_s: object) -> dict[str, Any]:
    thing = {"object_name": "screw", "bbox_2d": [1, 2, 30, 40], "rigid": True}
    return {"start_s": start_s, "end_s": end_s, "hands": "turn", "active": True, "ecot": ECOT, "objects": [thing]}


def idle(start_s: object, end_s: object) -> dict[str, Any]:
    return {"start_s": start_s, "end_s": end_s, "hands": "rest", "active": False, "ecot": None, "objects": []}


def described(*actions: object) -> Description:
    """What comes of an answer with these actions."""
    answer = {"request": echo_of(REQUEST), "box_space": [456, 256], "actions": actions}
    return parse_answer(json.dumps(answer), REQUEST)


def test_answer_is_read() -> None:
    """Times are seconds, the last decisecond is the segment's end, and nothing is repaired."""
    description = described(busy(0.0, 4.1), idle(4.1, 12.3))
    first, second = description.actions
    assert (first.t_start_s, first.t_end_s, first.active, first.objects[0].bbox) == (0.0, 4.1, True, (1, 2, 30, 40))
    assert (second.t_start_s, second.t_end_s, second.active) == (4.1, 12.34, False)
    assert (description.repairs, description.uncovered_s) == ((), 0.0)


def test_words_come_before_the_decision_and_times_before_both() -> None:
    """The order of the fields is that in which a model writes them, for an idle action as for an active one."""
    for form in answer_schema(REQUEST)["properties"]["actions"]["items"]["anyOf"]:
        assert list(form["properties"])[:4] == ["start_s", "end_s", "hands", "active"]


@pytest.mark.parametrize(
    ("written", "times", "repairs"),
    [
        ((0, 12), (0.0, 12.0), []),
        ((0.04, 4.06), (0.0, 4.1), ["action 1: its times were rounded or clamped to the segment"]),
        ((5.0, 12.34), (5.0, 12.34), ["action 1: its times were rounded or clamped to the segment"]),
        ((5.0, 30), (5.0, 12.34), ["action 1: its times were rounded or clamped to the segment"]),
        ((5.0, 10**400), (5.0, 12.34), ["action 1: its times were rounded or clamped to the segment"]),
        ((-1, 3.0), (0.0, 3.0), ["action 1: its times were rounded or clamped to the segment"]),
        ((4.1, 0.5), (0.5, 4.1), ["action 1: its times were swapped"]),
    ],
)
def test_times_are_rounded_and_clamped_and_that_is_said(
    written: tuple[float, float], times: tuple[float, float], repairs: list[str]
) -> None:
    description = described(busy(*written))
    assert (description.actions[0].t_start_s, description.actions[0].t_end_s) == times
    assert list(description.repairs) == repairs


def test_action_after_the_segment_is_dropped() -> None:
    """An answer in another unit is no answer; an action that starts at the segment's end or later takes no time."""
    for late in (busy(20.0, 26.0), busy(12.3, 14.0)):
        description = described(busy(0.0, 12.3), late)
        expected = "expected a number from 0.0 to 12.2 with one decimal"
        assert description.repairs == (f"action 2: dropped, start_s is {late['start_s']}, {expected}",)
        assert [action.t_end_s for action in description.actions] == [12.34]
    with pytest.raises(AnswerError, match=r"actions\.0\.start_s is 41, expected a number from 0\.0 to 12\.2"):
        described(busy(41, 60))


def test_time_in_a_text_is_read() -> None:
    description = described(busy("0.0", "6.04"))
    assert (description.actions[0].t_start_s, description.actions[0].t_end_s) == (0.0, 6.0)
    assert description.repairs == ("action 1: its times were rounded or clamped to the segment",)


@pytest.mark.parametrize("time", [None, True, "zero", "0:00", [0.0]])
def test_time_that_is_no_number_is_refused(time: object) -> None:
    with pytest.raises(AnswerError, match=r"start_s is .*, expected a number from 0\.0 to 12\.2 with one decimal"):
        described(busy(time, 6.0))
