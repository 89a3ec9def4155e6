"""The form of an answer: bounded everywhere, and the bound is the true one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from models.annotators.annotator import AnnotationRequest, AnswerForm
from models.annotators.response.form import check_form
from models.annotators.response.schema import (
    ACTIONS_MAX,
    NAME_CHARS_MAX,
    OBJECTS_MAX,
    WORDS_CHARS_MAX,
    BoxSpace,
    answer_schema,
    compact_json,
    duration_ds,
    echo_of,
    longest_json_bytes,
    schema_sha256,
)
from tests.support.answer_strategies import asked_and_answered, is_valid, make_request
from tests.support.properties import examples


def test_schema_is_a_schema() -> None:
    """It is valid JSON Schema of 2020-12, and survives being written as JSON."""
    schema = answer_schema(make_request())
    Draft202012Validator.check_schema(schema)
    assert json.loads(compact_json(schema)) == schema


@examples(60)
@given(asked_and_answered())
def test_no_answer_is_longer_than_the_bound(case: tuple[AnnotationRequest, BoxSpace | None, AnswerForm, str]) -> None:
    """Any answer of the schema is valid by jsonschema, and no longer than the bound."""
    request, box_space, form, raw = case
    schema = answer_schema(request, box_space, form)
    assert is_valid(raw, schema)
    assert len(raw.encode()) <= longest_json_bytes(schema)


@pytest.mark.slow
@examples(60)
@given(asked_and_answered(), st.data())
def test_form_check_agrees_with_jsonschema(
    case: tuple[AnnotationRequest, BoxSpace | None, AnswerForm, str], data: st.DataObject
) -> None:
    """An answer with one value replaced is accepted by ``check_form`` exactly if the package jsonschema accepts it."""
    request, box_space, form, raw = case
    schema, answer = answer_schema(request, box_space, form), json.loads(raw)
    replaced: Any = data.draw(st.sampled_from([None, True, False, -1, 0, 1, 5000, "", "a", "a" * 41, [], [0] * 4, {}]))
    place: Any = answer
    while isinstance(place, dict | list) and place:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            place[key] = replaced
            break
        place = place[key]
    try:
        check_form(answer, schema)
    except ValueError:
        accepted = False
    else:
        accepted = True
    assert accepted == is_valid(compact_json(answer), schema)


def test_bound_is_reached() -> None:
    """The longest answer, put together by hand, has exactly the length of the bound."""
    request = make_request(duration_s=12.34, width_px=1920, height_px=1080)
    thing = {"object_name": "n" * NAME_CHARS_MAX, "bbox_2d": [1920, 1080, 1920, 1080], "rigid": False}
    ecot = dict.fromkeys(("scene", "subtask", "motion", "prediction"), "w" * WORDS_CHARS_MAX)
    times = {"start_s": 12.2, "end_s": 12.3, "hands": "w" * WORDS_CHARS_MAX}
    action = {**times, "active": True, "ecot": ecot, "objects": [thing] * OBJECTS_MAX}
    answer = {"request": echo_of(request), "box_space": [1920, 1080], "actions": [action] * ACTIONS_MAX}
    schema = answer_schema(request)
    assert is_valid(compact_json(answer), schema)
    assert len(compact_json(answer)) == longest_json_bytes(schema)


@pytest.mark.parametrize("schema", [{"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "number"}, {}])
def test_schema_without_a_bound_is_refused(schema: dict[str, object]) -> None:
    """A string, a number or a list without an end has no longest form."""
    with pytest.raises(ValueError, match="has no bound"):
        longest_json_bytes(schema)


@pytest.mark.parametrize(
    "words", ['a"b', "a\\b", "a\nb", "a\x1b[31m", "a\x00", "<b>", "a&amp;", "é", " a", "", "a" * 161, "\u202ea", "a`b`"]
)
def test_harmful_text_does_not_meet_the_schema(words: str) -> None:
    """Quotes, backslashes, control characters, terminal escapes, markup and what is not ASCII are no words."""
    schema = answer_schema(make_request())
    scene = schema["properties"]["actions"]["items"]["anyOf"][0]["properties"]["ecot"]["properties"]["scene"]
    assert Draft202012Validator(scene).is_valid("Left hand (gloved), 2 screws; it's 50% done")
    assert not Draft202012Validator(scene).is_valid(words)


@pytest.mark.parametrize(("duration_s", "last_ds"), [(0.04, 1), (0.1, 1), (1.1, 11), (12.34, 123), (30.0, 300)])
def test_last_decisecond(duration_s: float, last_ds: int) -> None:
    """It does not lie behind the segment's end, but for a segment that is shorter than one."""
    assert duration_ds(make_request(duration_s=duration_s)) == last_ds


def test_hash_is_of_the_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """The schema's hash changes with a bound."""
    before = schema_sha256()
    monkeypatch.setattr("models.annotators.response.schema.ACTIONS_MAX", ACTIONS_MAX + 1)
    assert len(before) == 64
    assert schema_sha256() != before
