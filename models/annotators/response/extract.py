"""Finds the answer in a model's text: alone, in a code fence, after ``</think>``, among other words, or in other JSON.

A server that does not constrain its model may return any of these. What is found counts only if it then meets the
request's schema, whose echo of the frames no example or draft for other frames has.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NoReturn

from models.annotators.response.form import Json, json_integer

_THOUGHTS_END: Final = "</think>"
_ROOT_FIELD: Final = "actions"
"""What an answer has, and no object inside of one."""
_BRACES_MAX: Final = 256
"""Places that are tried, the last ones: several times the objects of an answer, and the time is bounded."""
_STRING_OR_COMMA: Final = re.compile(r'"(?:[^"\\]|\\.)*"|,(?=\s*[}\]])')


def answers_in(text: str) -> Iterator[Json]:
    """What may be the answer in a text, the most likely first: the whole text, then objects in it from its end.

    What stands before the end of the model's thoughts comes last.

    Raises:
        ValueError: no JSON in it has the form of an answer; the message says why the whole text is none.
    """
    text = text.lstrip("\ufeff")
    try:
        whole = _decode(text)
    except (ValueError, RecursionError) as error:
        thoughts, mark, words = text.rpartition(_THOUGHTS_END)
        found = [*_objects(words), *(_objects(thoughts) if mark else ())]
        if not found:
            raise ValueError(str(error)) from error
        yield from found
    else:
        yield whole
        if not _is_like_answer(whole):  # a list of answers, or a call of a function that has one as its arguments
            yield from _objects(text)


def without_trailing_commas(text: str) -> str:
    """The text without commas that nothing follows in their list or object; those in strings stay."""
    return _STRING_OR_COMMA.sub(lambda found: "" if found[0] == "," else found[0], text)


def _objects(text: str) -> list[Json]:
    """The objects in a text that have the root field of an answer, in whatever they lie, the last one first."""
    found: list[Json] = []
    end = 0
    for start in [place.start() for place in re.finditer(r"\{", text)][-_BRACES_MAX:]:
        if start < end:
            continue
        try:
            value, after = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if _is_like_answer(value):
            found.insert(0, value)
            end = after
    return found


def _is_like_answer(value: Json) -> bool:
    return isinstance(value, dict) and _ROOT_FIELD in value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a field occurs twice")
    return fields


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant, parse_int=json_integer
)


def _decode(text: str) -> Json:
    value: Json = _DECODER.decode(text)
    return value
