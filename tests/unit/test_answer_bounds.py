"""An answer that exceeds its bounds loses what exceeds them, and nothing else; what was done is listed."""

import json
from typing import Any

import pytest

from models.annotators.response.description import Description
from models.annotators.response.parse import AnswerError, parse_answer
from models.annotators.response.schema import WORDS_CHARS_MAX, echo_of
from tests.support.answer_strategies import make_request

REQUEST = make_request(duration_s=12.3, width_px=456, height_px=256)
FIELDS = ("scene", "subtask", "motion", "prediction")


def busy(start_s: object = 0.0, end_s: object = 12.3, **changes: Any) -> dict[str, Any]:  # noqa: ANN401  (any JSON)
    action = {"start_s": start_s, "end_s": end_s, "hands": "both hold", "active": True, "objects": []}
    return action | {"ecot": dict.fromkeys(FIELDS, "work")} | changes


def described(*actions: object, **changes: object) -> Description:
    """What comes of an answer with these actions."""
    answer = {"request": echo_of(REQUEST), "box_space": [456, 256], "actions": actions} | changes
    return parse_answer(json.dumps(answer), REQUEST)


@pytest.mark.parametrize(
    ("written", "kept", "repairs"),
    [
        ("a bench", "a bench", []),
        (
            "the café\N{RIGHT SINGLE QUOTATION MARK}s “blue” mug — on a bench",
            "the cafe's 'blue' mug - on a bench",
            ["replaced"],
        ),
        ("Łódź, straße, Ærø", "Lodz, strasse, Aero", ["replaced"]),
        ("<b>bench</b> & tray", "b bench /b + tray", ["replaced"]),
        ("- a bench\n- a tray", "a bench - a tray", ["replaced"]),
        ("work " * 60, ("work " * 32).strip(), ["cut"]),
        ("w" * 200, "w" * WORDS_CHARS_MAX, ["cut"]),
        ("é" * 200, "e" * WORDS_CHARS_MAX, ["replaced", "cut"]),
        ("\x1b[31mred", "(31mred".removeprefix("("), ["replaced"]),
    ],
)
def test_text_is_made_to_fit(written: str, kept: str, repairs: list[str]) -> None:
    """Accents, quotation marks and dashes have equivalents; a text that is too long ends with a whole word."""
    description = described(busy(ecot={**dict.fromkeys(FIELDS, "work"), "scene": written}))
    ecot = description.actions[0].ecot
    assert ecot is not None
    assert ecot.scene == kept
    clauses = {
        "replaced": "action 1: characters of its scene were replaced",
        "cut": "action 1: its scene was cut to 160 characters",
    }
    assert description.repairs == tuple(clauses[repair] for repair in repairs)


def test_name_of_an_object_is_made_to_fit() -> None:
    """An object is not lost by its name."""
    name = "a crème-coloured tray with many small compartments for screws"
    thing = {"object_name": name, "bbox_2d": [1, 2, 30, 40], "rigid": True}
    description = described(busy(objects=[thing]))
    assert description.actions[0].objects[0].object_name == "a creme-coloured tray with many small"
    assert description.repairs == (
        "action 1, object 1: characters of its object_name were replaced",
        "action 1, object 1: its object_name was cut to 40 characters",
    )


def test_more_actions_than_asked_for_are_kept() -> None:
    """Nothing that was described is lost by their number; a list without end is cut."""
    description = described(*(busy(step, step + 1) for step in range(9)))
    assert len(description.actions) == 9
    assert description.repairs == ("the answer has 9 actions, more than the 6 that were asked for",)
    repeated = described(*(busy(step / 10, step / 10 + 0.1) for step in range(100)))
    assert len(repeated.actions) == 64
    assert "its last 36 actions were dropped" in repeated.repairs


@pytest.mark.parametrize(
    ("bad", "repair"),
    [
        (busy(6.0, 9.0, ecot=None), "action 2: dropped, ecot is not an object of scene"),
        (busy(6.0, 9.0, active=False), "action 2: dropped, ecot is {'scene'"),
        (busy(6.0, "soon"), "action 2: dropped, end_s is 'soon', expected a number"),
        (None, "action 2: dropped, actions.1 is not an object"),
    ],
)
def test_good_actions_survive_a_bad_one(bad: object, repair: str) -> None:
    """An action that cannot be repaired is dropped; its time is uncovered, and the numbers are those of the answer."""
    description = described(busy(0.0, 6.0), bad, busy(12.0, 9.0))
    assert [(action.t_start_s, action.t_end_s) for action in description.actions] == [(0.0, 6.0), (9.0, 12.0)]
    assert description.repairs[0].startswith(repair)
    assert description.repairs[1:] == ("action 3: its times were swapped",)
    assert description.uncovered_s == 3.3


def test_answer_without_one_good_action_is_refused() -> None:
    """The reason is that of its first action."""
    with pytest.raises(AnswerError, match=r"actions\.0\.ecot is not an object of scene"):
        described(busy(ecot=None), busy(6.0, "soon"))


@pytest.mark.parametrize("name", ["extra", "\x1b[2J<script>"])
def test_unknown_fields_are_dropped(name: str) -> None:
    """Of the answer, of an action and of its ecot; their names, which are the model's, are not repeated."""
    ecot = {**dict.fromkeys(FIELDS, "work"), name: 1}
    description = described(busy(**{name: 1}, ecot=ecot), **{name: 1})
    assert description.repairs == (
        "the answer: unknown fields were dropped",
        "action 1: unknown fields were dropped",
        "action 1, ecot: unknown fields were dropped",
    )


@pytest.mark.parametrize("hands", [None, "", 3, "x" * 999])
def test_what_is_not_recorded_is_not_refused(hands: object) -> None:
    """``hands`` only makes a model look before it decides: no answer is refused for it."""
    assert described(busy(hands=hands)).repairs == ()
