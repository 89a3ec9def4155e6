"""Repairs the times of an answer in seconds: not every server enforces the schema, and an action may end at 12.34."""

import re
from typing import Final

from models.annotators.response.form import Json, is_number
from models.annotators.response.schema import Schema

_TIMES: Final = ("start_s", "end_s")
_NUMBER: Final = re.compile(r"\d{1,6}(\.\d{1,6})?")


def repair_times(answer: Json, schema: Schema) -> list[str]:
    """Round times to one decimal and clamp them to the segment, in place; returns the repairs.

    Times in deciseconds, those of actions after the segment, and what are no numbers, are left for ``check_form``.
    """
    repairs: list[str] = []
    actions = answer.get("actions") if isinstance(answer, dict) else None
    bounds = schema["properties"]["actions"]["items"]["anyOf"][0]["properties"]
    if not isinstance(actions, list) or _TIMES[0] not in bounds:
        return repairs
    for number, action in enumerate(actions, start=1):
        written = [action.get(name) for name in _TIMES] if isinstance(action, dict) else []
        times_s = [t_s for value in written if (t_s := _number(value)) is not None]
        is_known = len(times_s) == len(_TIMES) and round(min(times_s), 1) < bounds["end_s"]["maximum"]
        if not isinstance(action, dict) or not is_known:
            continue
        action |= {name: _within(t_s, bounds[name]) for name, t_s in zip(_TIMES, times_s, strict=True)}
        if [action[name] for name in _TIMES] != written:
            repairs.append(f"action {number}: its times were rounded or clamped to the segment")
    return repairs


def _within(t_s: float, bounds: Schema) -> float:
    least_s, most_s = float(bounds["minimum"]), float(bounds["maximum"])
    return min(max(round(t_s, 1), least_s), most_s)


def _number(value: Json) -> float | None:
    """The number that a value is, or that a text holds: ``"3.4"``."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    return value if is_number(value) else None
