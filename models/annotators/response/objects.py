"""Repairs the objects of an answer, so that one bad box does not cost its action, and says what it did."""

from typing import Any, Final

from models.annotators.response.form import Json, check_form, is_number
from models.annotators.response.schema import Schema
from models.annotators.response.texts import repair_texts

_BOXES: Final = ("bbox", "bbox_2d")


def repair_objects(answer: Json, schema: Schema) -> list[str]:
    """Fit boxes into the picture, in place, and drop objects that do not meet the schema even so; returns the repairs.

    Anything else that differs from the schema is left for ``check_form`` to refuse.
    """
    repairs: list[str] = []
    actions = answer.get("actions") if isinstance(answer, dict) else None
    busy = schema["properties"]["actions"]["items"]["anyOf"][0]["properties"]["objects"]
    for number, action in enumerate(actions if isinstance(actions, list) else (), start=1):
        things = action.get("objects") if isinstance(action, dict) and action.get("active") is True else None
        if isinstance(action, dict) and isinstance(things, list):
            action["objects"] = _valid(things, busy, f"action {number}", repairs)
    return repairs


def _valid(things: list[Json], schema: Schema, place: str, repairs: list[str]) -> list[Json]:
    """The objects that meet the schema, at most as many as it allows."""
    valid: list[Json] = []
    for number, thing in enumerate(things, start=1):
        repairs += repair_texts(thing, schema["items"]["properties"], f"{place}, object {number}")
        try:
            check_form(thing, schema["items"])
            valid.append(thing)
        except (ValueError, RecursionError) as error:
            mended, repair = _mended(thing, schema["items"])
            if mended is None:
                repair = f"dropped, {error}"
            else:
                valid.append(mended)
            repairs.append(f"{place}, object {number}: {repair}")
    most = schema["maxItems"]
    if len(valid) > most:
        repairs.append(f"{place}: its last {len(valid) - most} objects were dropped")
    return valid[:most]


def _mended(thing: Json, schema: Schema) -> tuple[Json, str]:
    """The object with its box as whole numbers within the picture, and what was done to it.

    None if that does not make it meet the schema.
    """
    name = next(name for name in _BOXES if name in schema["properties"])
    box: Any = thing.get(name) if isinstance(thing, dict) else None
    bounds = _bounds(schema["properties"][name])
    if not isinstance(thing, dict) or not isinstance(box, list) or len(box) != len(bounds):
        return None, ""
    if not all(map(is_number, box)):
        return None, ""
    repair = "its box was rounded or clamped to the picture"
    if _is_in_fractions(box):
        box = [value * most for value, most in zip(box, bounds, strict=True)]
        repair = "its box was scaled from fractions of the picture"
    corners: list[Json] = [min(max(round(value), 0), most) for value, most in zip(box, bounds, strict=True)]
    mended: dict[str, Json] = {**thing, name: corners}
    try:
        check_form(mended, schema)
    except (ValueError, RecursionError):
        return None, ""
    return mended, repair


def _is_in_fractions(box: list[float]) -> bool:
    """Whether a box is in fractions of the picture: in pixels or thousandths it would be a speck in the corner."""
    return all(-1 < value < 2 for value in box) and any(isinstance(value, float) for value in box)


def _bounds(schema: Schema) -> list[int]:
    """The largest value of each corner."""
    items = schema.get("prefixItems") or schema["maxItems"] * [schema["items"]]
    return [item["maximum"] for item in items]
