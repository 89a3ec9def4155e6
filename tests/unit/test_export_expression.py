"""Conditions on episodes."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.dataset.expression import FIELDS, parse_condition
from stream.errors import UsageError
from tests.support.episodes import episode


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("score_max > 0.12", True),
        ("score_max > 0.12 and 'screw' in words", True),
        ("'screw' in objects", True),
        ("objects == ['screw']", True),
        ("'hammer' in words or kind == 'anomalous'", True),
        ("not kind == 'anomalous'", False),
        ("1 < duration_s <= 2", True),
        ("2 < duration_s < 3", False),
        ("worker in ['worker001', 'worker002']", True),
        ("score_max > -1", True),
        ("'screw' not in words", False),
    ],
)
def test_a_condition_selects(text: str, *, holds: bool) -> None:
    assert parse_condition(text)(episode()) is holds


@pytest.mark.parametrize("text", ["period_s > 1", "period_s < 1", "period_s == 0", "period_s in [1]"])
def test_a_comparison_with_an_unknown_value_is_false(text: str) -> None:
    assert parse_condition(text)(episode()) is False


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not an expression"),
        ("score_max >", "not an expression"),
        ("score_max", "compares nothing"),
        ("1", "compares nothing"),
        ("-1", "compares nothing"),
        ("score > 1", "score is not one of score_mean, score_max"),
        ("words.upper() == 'A'", "is not allowed"),
        ("__import__('os').system('true') == 0", "is not allowed"),
        ("score_max is 1", "where == is meant"),
        ("score_max > [x for x in words]", "is not allowed"),
        ("score_max > 1j", "is not allowed"),
        ("(" * 400 + "1" + ")" * 400 + " > 0", "not an expression"),
        ("1 > 0" + " " * 3000, "more than 2000 characters"),
    ],
)
def test_anything_else_is_refused(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=r"--where") as refused:
        parse_condition(text)
    assert why in str(refused.value)


def test_comparing_a_number_with_a_text_is_refused() -> None:
    with pytest.raises(UsageError, match="compares a number with a text"):
        parse_condition("score_max > 'a'")(episode())


@given(st.text(alphabet="()[]'<>=! abcdefghijklmnopqrstuvwxyz_0123456789.,", max_size=60))
def test_no_text_does_anything_but_select_or_be_refused(text: str) -> None:
    with suppress(UsageError):
        assert parse_condition(text)(episode()) in (True, False)


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_can_be_compared(name: str) -> None:
    parse_condition(f"{name} == {name}")(episode())
