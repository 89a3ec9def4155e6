"""A refusal is understood in the form of each server: OpenAI, FastAPI, Gemini, OpenRouter, and plain text."""

import json
from typing import Any

import pytest

from models.annotators.openai.dialect import Dialect, adapted
from models.annotators.openai.errors import is_busy, why_unavailable
from models.annotators.openai.refusal import Refusal, RefusedError, refusal_in

_WORDS = "max_tokens is not supported"
_SCHEMA = {"type": "json_schema", "json_schema": {"schema": {"pattern": "^a$", "maxLength": 3, "minimum": 0}}}
_OF_PYDANTIC = {
    "loc": ["body", "response_format"],
    "msg": "Input tag 'json_schema' does not match the expected tags: 'text', 'json_object'",
    "input": _SCHEMA,
}


def refusal(status: int, body: Any) -> Refusal | None:  # noqa: ANN401  (any JSON)
    """That of a reply whose body is a text, or the JSON of a value."""
    return refusal_in(status, body if isinstance(body, str) else json.dumps(body), {})


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": _WORDS}},
        {"object": "error", "message": _WORDS},
        {"error": _WORDS},
        {"error": [_WORDS]},
        {"errors": [{"message": _WORDS}]},
        {"error": {"error": {"message": _WORDS}}},
        [{"error": {"message": _WORDS}}],
        {"detail": _WORDS},
        _WORDS,
    ],
)
def test_words_are_found(body: object) -> None:
    """In whatever object or list they stand, or in none."""
    found = refusal(400, body)
    assert found is not None
    assert found.message == _WORDS


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"detail": [{"loc": ["body", "max_tokens"], "msg": "Extra", "input": 8}]}, "body.max_tokens: Extra"),
        ({"message": {"detail": [{"loc": ["a"], "msg": "b"}, {"loc": ["c", 0], "msg": "d"}]}}, "a: b; c.0: d"),
        ({"error": {"message": "Provider error", "metadata": {"raw": _WORDS}}}, f"Provider error: {_WORDS}"),
        ("<html>max_tokens</html>", ""),
        ('{"error": {"message": 5}}', ""),
        ("[" * 200 + '"max_tokens"' + "]" * 200, ""),
        ({"error": {"message": [[[[[[_WORDS]]]]]]}}, ""),
    ],
)
def test_words_of_servers_that_say_more(body: object, words: str) -> None:
    """The place and the words of each error without what was sent, and those of a provider; of HTML nothing."""
    found = refusal(422, body)
    assert found is not None
    assert found.message == words


@pytest.mark.parametrize("body", [{"detail": [_OF_PYDANTIC]}, {"message": {"detail": [_OF_PYDANTIC]}}])
def test_repeated_request_is_no_reason(body: object) -> None:
    """A schema that an error repeats does not make it an error of the schema's keywords."""
    found = refusal(422, body)
    assert found is not None
    change = adapted(Dialect(32, 200_704), found)
    assert change is not None
    assert change[1] == "response_format json_object instead of json_schema"


@pytest.mark.parametrize("error", [None, False, "", {}, []])
def test_empty_error_beside_an_answer_is_none(error: object) -> None:
    assert refusal(200, {"choices": [{}], "error": error}) is None


def test_status_in_a_body_may_be_a_text() -> None:
    found = refusal(200, {"error": {"message": "slow down", "code": "429"}})
    assert found is not None
    assert found.status == 429
    assert is_busy(RefusedError(found))


@pytest.mark.parametrize("code", ["insufficient_quota", "429", 429, None])
def test_quota_is_known_by_code_or_type(code: object) -> None:
    """Waiting brings no quota, wherever the server names it."""
    found = refusal(429, {"error": {"message": "no more", "type": "insufficient_quota", "code": code}})
    assert found is not None
    assert not is_busy(RefusedError(found))
    assert "has no quota left" in (why_unavailable(RefusedError(found), has_key=True) or "")
