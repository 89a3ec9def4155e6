"""Checks JSON against a schema of ``answer_schema``: the schema is the only statement of an answer's bounds.

It is stricter than JSON Schema in two points: 9.0 is not an integer, and a string must match its pattern as a whole. A
test compares it with the package ``jsonschema``, which runs do not need.
"""

import math
import re
from typing import Final, TypeAlias, TypeGuard

from models.annotators.response.schema import Schema, compact_json

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

_SHOWN_CHARS: Final = 40
"""Of a value in a message."""


def check_form(value: Json, schema: Schema, place: str = "") -> None:
    """Check that a JSON value meets a schema; ``place`` is its path within the answer.

    Raises:
        ValueError: it does not; the message names the first place that differs, and what is expected there.
    """
    match schema:
        case {"anyOf": forms}:
            _check_any(value, forms, place)
        case {"const": const}:
            _require(compact_json(value) == compact_json(const), value, compact_json(const), place)
        case {"type": "object", "properties": properties}:
            _check_object(value, properties, place)
        case {"type": "array", "minItems": least, "maxItems": most}:
            items = schema.get("prefixItems") or most * [schema["items"]]
            _check_list(value, items, least, place)
        case {"type": "string", "pattern": pattern, "maxLength": most}:
            fits = isinstance(value, str) and len(value) <= most and re.fullmatch(pattern, value) is not None
            _require(fits, value, f"text of 1 to {most} of the permitted characters", place)
        case {"type": "integer", "minimum": least, "maximum": most}:
            fits = type(value) is int and least <= value <= most
            _require(fits, value, f"an integer from {least} to {most}", place)
        case {"type": "number", "minimum": least, "maximum": most, "multipleOf": 0.1}:
            fits = isinstance(value, int | float) and not isinstance(value, bool) and _is_time(value, least, most)
            _require(fits, value, f"a number from {least} to {most} with one decimal", place)
        case {"type": "boolean"}:
            _require(isinstance(value, bool), value, "true or false", place)
        case {"type": "null"}:
            _require(value is None, value, "null", place)
        case _:
            raise ValueError(f"{compact_json(schema)} is not a form of an answer")


def json_integer(digits: str) -> int | float:
    """For the ``parse_int`` of ``json``: an integer of thousands of digits, which Python refuses to read, is infinite.

    So such a number costs what it is in, and not all of a reply.
    """
    try:
        return int(digits)
    except ValueError:
        return -math.inf if digits.startswith("-") else math.inf


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a finite number; JSON's integers may be too large for a float."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def _is_time(value: float, least: float, most: float) -> bool:
    """Whether a number has at most one decimal and lies within its bounds."""
    return least <= value <= most and round(value, 1) == value


def _require(fits: bool, value: Json, expected: str, place: str) -> None:  # noqa: FBT001 - the condition itself
    if not fits:
        text = ascii(value)
        shown = text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."
        raise ValueError(f"{place or 'the answer'} is {shown}, expected {expected}")


def _check_object(value: Json, properties: dict[str, Schema], place: str) -> None:
    if not isinstance(value, dict) or value.keys() != properties.keys():  # unknown names are a model's: not repeated
        raise ValueError(f"{place or 'the answer'} is not an object of {', '.join(properties)} alone")
    for name, schema in properties.items():
        check_form(value[name], schema, f"{place}.{name}".lstrip("."))


def _check_list(value: Json, items: list[Schema], least: int, place: str) -> None:
    if not isinstance(value, list) or not least <= len(value) <= len(items):
        expected = f"{least}" if least == len(items) else f"{least} to {len(items)}"
        raise ValueError(f"{place} is not a list of {expected} items")
    for index, item in enumerate(value):
        check_form(item, items[index], f"{place}.{index}")


def _check_any(value: Json, forms: list[Schema], place: str) -> None:
    """Accept a value that meets one of the forms; otherwise report the form with the most constants in common."""
    errors: list[ValueError] = []
    for form in sorted(forms, key=lambda form: -_constants_met(value, form)):
        try:
            return check_form(value, form, place)
        except ValueError as error:
            errors.append(error)
    raise errors[0]


def _constants_met(value: Json, form: Schema) -> int:
    """Number of the object's fields that have the constant that the form requires."""
    fields = value if isinstance(value, dict) else {}
    properties = form.get("properties", {}).items()
    return sum(
        "const" in schema and compact_json(fields.get(name)) == compact_json(schema["const"])
        for name, schema in properties
    )
