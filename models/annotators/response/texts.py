"""Repairs the texts of an answer: not every server enforces their length and their characters."""

import re
import unicodedata
from typing import Any, Final

from models.annotators.response.form import Json, check_form
from models.annotators.response.schema import CHARS, Schema

_SUBSTITUTES: Final = str.maketrans({
    "\N{LEFT SINGLE QUOTATION MARK}": "'", "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{LEFT DOUBLE QUOTATION MARK}": "'", "\N{RIGHT DOUBLE QUOTATION MARK}": "'", '"': "'", "`": "'",
    "\N{EN DASH}": "-", "\N{EM DASH}": "-", "\N{NON-BREAKING HYPHEN}": "-", "\N{MINUS SIGN}": "-",
    "\N{MULTIPLICATION SIGN}": "x", "&": "+", "[": "(", "]": ")", "{": "(", "}": ")",
    "\N{LATIN SMALL LETTER SHARP S}": "ss", "\N{LATIN SMALL LETTER O WITH STROKE}": "o",
    "\N{LATIN SMALL LETTER AE}": "ae", "\N{LATIN SMALL LETTER L WITH STROKE}": "l",
    "\N{LATIN CAPITAL LETTER O WITH STROKE}": "O", "\N{LATIN CAPITAL LETTER AE}": "Ae",
    "\N{LATIN CAPITAL LETTER L WITH STROKE}": "L",
})  # fmt: skip
"""Characters that an answer may not have, and that have an equivalent which it may have."""
_FORBIDDEN: Final = re.compile(f"[^{CHARS}]+")
_FIRST: Final = re.compile(r"^[^A-Za-z0-9]+")


def repair_texts(fields: Json, properties: dict[str, Schema], place: str) -> list[str]:
    """Make the texts among an object's fields meet their schemas, in place; returns the repairs.

    A character is replaced by its equivalent or by a space, and a text that is too long ends with a whole word. What is
    no text, or has nothing left, stays as it is.
    """
    repairs: list[str] = []
    if not isinstance(fields, dict):
        return repairs
    for name, schema in properties.items():
        text = fields.get(name)
        if schema.get("type") != "string" or not isinstance(text, str) or _meets(text, schema):
            continue
        plain = _plain(text)
        short = _clipped(plain, schema["maxLength"])
        if not _meets(short, schema):
            continue
        fields[name] = short
        if plain != text.strip():
            repairs.append(f"{place}: characters of its {name} were replaced")
        if short != plain:
            repairs.append(f"{place}: its {name} was cut to {schema['maxLength']} characters")
    return repairs


def _meets(text: str, schema: Schema) -> bool:
    try:
        check_form(text, schema)
    except ValueError:
        return False
    return True


def _plain(text: str) -> str:
    """The text in the characters that an answer may have, a letter or a digit first."""
    letters = unicodedata.normalize("NFKD", text.translate(_SUBSTITUTES))
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter)).translate(_SUBSTITUTES)
    return _FIRST.sub("", " ".join(_FORBIDDEN.sub(" ", bare).split()))


def _clipped(text: str, chars_max: int) -> str:
    """The beginning of a text, to the end of a word if one ends in its second half."""
    if len(text) <= chars_max:
        return text
    beginning = text[: chars_max + 1].rpartition(" ")[0]
    return (beginning if len(beginning) >= chars_max // 2 else text[:chars_max]).rstrip(" ,;:(-")


def texts_of(action: dict[str, Any], schema: Schema, place: str) -> list[str]:
    """Repair the texts of one action and of its ecot; returns the repairs."""
    properties = schema["properties"]
    ecot = properties["ecot"].get("properties", {})
    return repair_texts(action, properties, place) + repair_texts(action.get("ecot"), ecot, place)
