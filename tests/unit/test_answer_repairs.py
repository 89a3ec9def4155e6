"""What is not as the model wrote it is listed, and one bad box does not cost its action."""

import json
from typing import Any

import pytest

from models.annotators.response.description import Description
from models.annotators.response.parse import AnswerError, parse_answer
from models.annotators.response.schema import echo_of
from tests.support.answer_strategies import make_request

REQUEST = make_request(duration_s=12.3, width_px=456, height_px=256)
ECOT = dict.fromkeys(("scene", "subtask", "motion", "prediction"), "work")


def thing(box: object, name: object = "screw") -> dict[str, object]:
    return {"object_name": name, "bbox": box, "rigid": True}


def busy(start_ds: int, end_ds: int, *things: object) -> dict[str, Any]:
    return {"ecot": ECOT, "objects": list(things), "active": True, "start_ds": start_ds, "end_ds": end_ds}


def described(*actions: dict[str, Any]) -> Description:
    """What comes of an answer with these actions."""
    return parse_answer(
        json.dumps({"request": echo_of(REQUEST), "box_space": [456, 256], "actions": actions}),
        REQUEST,
        form="annotate-v2",
    )


def test_answer_that_needs_none_has_no_repairs() -> None:
    description = described(busy(0, 60, thing([1, 2, 30, 40])), busy(60, 123))
    assert (description.repairs, description.uncovered_s) == ((), 0.0)


@pytest.mark.parametrize(
    ("spans", "repairs", "uncovered_s"),
    [
        ([(41, 1)], ["action 1: its times were swapped"], 8.3),
        ([(20, 20)], ["action 1: it ended where it started, and lasts 0.1 s"], 12.2),
        ([(50, 60), (0, 20)], ["the actions were put in order of their start"], 9.3),
        ([(0, 30), (20, 60)], ["action 1: it ends at 2.0 s, where the next one starts"], 6.3),
        ([(0, 20), (0, 50)], ["action 1: dropped, another one starts with it"], 7.3),
        ([(0, 123)], [], 0.0),
    ],
)
def test_repairs_of_times_are_listed(spans: list[tuple[int, int]], repairs: list[str], uncovered_s: float) -> None:
    """Whatever is done to the times stands in the list, with the number of its action in the answer."""
    description = described(*(busy(*span) for span in spans))
    assert list(description.repairs) == repairs
    assert description.uncovered_s == uncovered_s


@pytest.mark.parametrize(
    ("bad", "repair", "box"),
    [
        (thing([0, 0, 457, 256]), "its box was rounded or clamped to the picture", (0, 0, 456, 256)),
        (thing([-3, 0, 9, 9]), "its box was rounded or clamped to the picture", (0, 0, 9, 9)),
        (thing([1.0, 2.4, 30.0, 40.0]), "its box was rounded or clamped to the picture", (1, 2, 30, 40)),
        (thing([10**400, 0, 9, 9]), "its box was rounded or clamped to the picture", (9, 0, 456, 9)),
        (thing([0.5, 0.25, 0.75, 1.0]), "its box was scaled from fractions of the picture", (228, 64, 342, 256)),
        (thing([0.0, 0.0, 1.0, 1.0]), "its box was scaled from fractions of the picture", (0, 0, 456, 256)),
        (thing([0.25, -0.1, 1.2, 0.5]), "its box was scaled from fractions of the picture", (114, 0, 456, 128)),
        (thing([1, 0, 2.0, 1]), "its box was rounded or clamped to the picture", (1, 0, 2, 1)),
        (thing([30, 40, 1, 2]), "the corners of its box were put in order", (1, 2, 30, 40)),
        (thing([10, 20, 10, 40]), "dropped, its box has no area", None),
        (thing([0, 0, 9]), "dropped, bbox is not a list of 4 items", None),
        (thing([0, 0, 9, True]), "dropped, bbox.3 is True, expected an integer from 0 to 256", None),
        (thing([0, 0, 9, "9"]), "dropped, bbox.3 is '9', expected an integer from 0 to 256", None),
        (thing([0, 0, 9, 9], name=""), "dropped, object_name is '', expected text", None),
        ("screw", "dropped, the answer is not an object of object_name", None),
        (None, "dropped, the answer is not an object of object_name", None),
    ],
)
def test_good_action_survives_a_bad_object(bad: object, repair: str, box: tuple[int, ...] | None) -> None:
    """Its times, words and other objects stay; the repair names the object."""
    description = described(busy(0, 123, thing([1, 2, 3, 4]), bad))
    (action,) = description.actions
    boxes = [thing.bbox for thing in action.objects]
    assert boxes == [(1, 2, 3, 4), *([box] if box else [])]
    assert description.repairs[0].startswith(f"action 1, object 2: {repair}")
    assert len(description.repairs) == 1 + (bad == thing([10**400, 0, 9, 9]))


def test_too_many_objects_are_cut() -> None:
    description = described(busy(0, 123, *[thing([1, 2, 3, 4])] * 8))
    assert len(description.actions[0].objects) == 6
    assert description.repairs == ("action 1: its last 2 objects were dropped",)


def test_objects_of_an_idle_action_are_refused() -> None:
    """What contradicts itself in more than a box is no answer."""
    idle = {**busy(0, 9, thing([1, 2, 3, 4])), "ecot": None, "active": False}
    with pytest.raises(AnswerError, match=r"objects is .*, expected \[\]"):
        described(idle)


@pytest.mark.parametrize("actions", [None, 3, [None], [[]], [{"objects": 3}], [{"objects": [[[]]], "active": True}]])
def test_what_is_no_answer_is_refused_as_before(actions: object) -> None:
    raw = json.dumps({"request": echo_of(REQUEST), "box_space": [456, 256], "actions": actions})
    with pytest.raises(AnswerError, match="is not of the expected form"):
        parse_answer(raw, REQUEST, form="annotate-v2")


def test_number_of_thousands_of_digits_costs_its_object() -> None:
    """Python reads no integer of more than 4300 digits: the answer is read all the same."""
    action = busy(0, 123, thing([1, 2, 3, 4]), thing([0, 0, 0, 7]))
    raw = json.dumps({"request": echo_of(REQUEST), "box_space": [456, 256], "actions": [action]})
    description = parse_answer(raw.replace("0, 0, 0, 7", f"0, 0, 0, {'7' * 5000}"), REQUEST, form="annotate-v2")
    assert [each.bbox for each in description.actions[0].objects] == [(1, 2, 3, 4)]
    assert description.repairs == ("action 1, object 2: dropped, bbox.3 is inf, expected an integer from 0 to 256",)
