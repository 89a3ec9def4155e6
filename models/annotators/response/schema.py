"""The form of an answer: a JSON Schema for each request, in which everything is bounded.

An answer echoes its request, names the grid its boxes lie in, and lists actions in the fields of the original
pipeline; what is described comes before what is decided. An action is busy or idle, and an idle one is empty::

    {"request":"3f9a01c27be4","box_space":[1000,1000],"actions":[
      {"start_s":0.0,"end_s":4.1,"hands":"...","active":true,
       "ecot":{"scene":"...","subtask":"...","motion":"...","prediction":"..."},
       "objects":[{"object_name":"...","bbox_2d":[0,0,10,10],"rigid":true}]},
      {"start_s":4.1,"end_s":6.0,"hands":"...","active":false,"ecot":null,"objects":[]}]}

That is ``annotate-v3``. In ``annotate-v2`` an action begins with its ecot and ends with ``active``, ``start_ds`` and
``end_ds``, integers in tenths of a second; it has no ``hands``, and a box is ``bbox``.

Every string, list and number is bounded, and so is the whole: ``longest_json_bytes`` computes its bound. The grammar,
the servers' ``response_format`` and the parser all take the bounds from here.
"""

import hashlib
import json
from typing import Any, Final, TypeAlias

from models.annotators.annotator import AnnotationRequest, AnswerForm

Schema: TypeAlias = dict[str, Any]
BoxSpace: TypeAlias = tuple[int, int]
"""Width and height of the grid that a model's boxes lie in: its own picture, or 1000 x 1000."""
Stretch: TypeAlias = tuple[float, float]
"""Start and end of a part of a segment, in seconds from the segment's start."""

FORM: Final[AnswerForm] = "annotate-v3"
"""The form in use unless another is chosen."""
ACTIONS_MAX: Final = 6
OBJECTS_MAX: Final = 6
WORDS_CHARS_MAX: Final = 160
"""Of ``hands``, and of each field of the ecot."""
NAME_CHARS_MAX: Final = 40
ECHO_CHARS: Final = 12
"""Of the frames' digest, hexadecimal: 48 bits."""
CHARS: Final = r"A-Za-z0-9 ,.;:'()/%+_\-"
"""Characters allowed in text: none that ends a JSON string, starts a terminal escape, or is HTML markup."""


def words_pattern(chars_max: int) -> str:
    """The regular expression of 1 to ``chars_max`` harmless characters, a letter or a digit first."""
    return f"^[A-Za-z0-9][{CHARS}]{{0,{chars_max - 1}}}$"


def echo_of(request: AnnotationRequest) -> str:
    """Fields that an answer repeats, so that an answer to other frames is detected."""
    return request.frames_digest[:ECHO_CHARS]


def duration_ds(request: AnnotationRequest) -> int:
    """The last decisecond that an action may end at, at least 1: the segment's end."""
    return max(1, int(request.duration_s * 10 + 1e-6))  # 1e-6: 1.1 s * 10 must not become 10


def answer_schema(
    request: AnnotationRequest,
    box_space: BoxSpace | None = None,
    form: AnswerForm = FORM,
    stretch: Stretch | None = None,
) -> Schema:
    """The JSON Schema (2020-12) that the answer to ``request`` has to meet.

    Args:
        request: the segment.
        box_space: the grid of the boxes; None for the request's own pixels.
        form: that of the prompt.
        stretch: the time that may be described; None for the whole segment.
    """
    width, height = box_space or (request.width_px, request.height_px)
    corners = _tuple(*(_integer(0, most) for most in (width, height, width, height)))
    is_v2 = form == "annotate-v2"
    item = _object(
        object_name=_words(NAME_CHARS_MAX), **{"bbox" if is_v2 else "bbox_2d": corners}, rigid={"type": "boolean"}
    )
    fields = ("scene", "subtask", "motion", "prediction")
    ecot = _object(**{field: _words(WORDS_CHARS_MAX) for field in fields})
    action = _action_v2 if is_v2 else _action_v3
    times_ds = stretch_ds(request, stretch)
    busy = action(times_ds, {"const": True}, ecot, _list(item, 0, OBJECTS_MAX))
    idle = action(times_ds, {"const": False}, {"type": "null"}, {"const": []})
    return _object(
        request={"const": echo_of(request)},
        box_space={"const": [width, height]},
        actions=_list({"anyOf": [busy, idle]}, 1, request.actions_max or ACTIONS_MAX),
    )


def stretch_ds(request: AnnotationRequest, stretch: Stretch | None) -> tuple[int, int]:
    """First and last decisecond of the time that may be described, at least one apart."""
    last_ds = duration_ds(request)
    if stretch is None:
        return 0, last_ds
    first_ds = min(round(10 * stretch[0]), last_ds - 1)
    return first_ds, min(max(round(10 * stretch[1]), first_ds + 1), last_ds)


def _action_v2(times_ds: tuple[int, int], active: Schema, ecot: Schema, objects: Schema) -> Schema:
    first_ds, last_ds = times_ds
    times = {"start_ds": _integer(first_ds, last_ds - 1), "end_ds": _integer(first_ds + 1, last_ds)}
    return _object(ecot=ecot, objects=objects, active=active, **times)


def _action_v3(times_ds: tuple[int, int], active: Schema, ecot: Schema, objects: Schema) -> Schema:
    first_ds, last_ds = times_ds
    times = {"start_s": _seconds(first_ds, last_ds - 1), "end_s": _seconds(first_ds + 1, last_ds)}
    return _object(**times, hands=_words(WORDS_CHARS_MAX), active=active, ecot=ecot, objects=objects)


def schema_sha256(form: AnswerForm = FORM) -> str:
    """SHA-256 of the schema for one fixed request, hexadecimal: it changes when the form of an answer does."""
    fixed = AnnotationRequest("", "0" * 64, duration_s=1.0, frames=(), width_px=1, height_px=1)
    return hashlib.sha256(compact_json(answer_schema(fixed, form=form)).encode()).hexdigest()


def longest_json_bytes(schema: Schema) -> int:
    """Length of the longest JSON without free white space that meets a schema of ``answer_schema``, in bytes.

    A token is at least one byte: an answer with as many tokens, and one to end the text, is never truncated.

    Raises:
        ValueError: a part of the schema has no bound, or is none of those that ``answer_schema`` makes.
    """
    match schema:
        case {"anyOf": forms}:
            return max(map(longest_json_bytes, forms))
        case {"type": "array", "prefixItems": items}:
            return _enclosed([longest_json_bytes(item) for item in items])
        case {"type": "array", "items": item, "maxItems": most}:
            return _enclosed(most * [longest_json_bytes(item)])
        case {"type": "object", "properties": properties}:
            return _enclosed([len(f'"{key}":') + longest_json_bytes(value) for key, value in properties.items()])
    return _longest_atom_bytes(schema)


def _enclosed(parts_bytes: list[int]) -> int:
    """Brackets around, commas between."""
    return 2 + sum(parts_bytes) + max(0, len(parts_bytes) - 1)


def _longest_atom_bytes(schema: Schema) -> int:
    match schema:
        case {"const": value}:
            return len(compact_json(value))
        case {"type": "string", "maxLength": chars}:  # ASCII, and nothing in it needs an escape
            return len('""') + int(chars)
        case {"type": "integer", "minimum": least, "maximum": most} if least >= 0:
            return len(str(most))
        case {"type": "number", "minimum": least, "maximum": most, "multipleOf": 0.1} if least >= 0:
            return len(f"{most:.1f}")
        case {"type": "boolean"}:
            return len("false")
        case {"type": "null"}:
            return len("null")
    raise ValueError(f"the length of {compact_json(schema)} has no bound")


def compact_json(value: object) -> str:
    """JSON without free white space, ASCII."""
    return json.dumps(value, separators=(",", ":"))


def _words(chars_max: int) -> Schema:
    # The pattern bounds the length, too: some servers respect only one of the two.
    return {"type": "string", "pattern": words_pattern(chars_max), "maxLength": chars_max}


def _integer(least: int, most: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


def _seconds(least_ds: int, most_ds: int) -> Schema:
    """A time with at most one decimal."""
    return {"type": "number", "minimum": least_ds / 10, "maximum": most_ds / 10, "multipleOf": 0.1}


def _list(items: Schema, least: int, most: int) -> Schema:
    return {"type": "array", "items": items, "minItems": least, "maxItems": most}


def _tuple(*items: Schema) -> Schema:
    if all(item == items[0] for item in items):  # hosted servers know ``items``, and no ``prefixItems``
        return _list(items[0], len(items), len(items))
    return {"type": "array", "prefixItems": list(items), "items": False, "minItems": len(items), "maxItems": len(items)}


def _object(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
