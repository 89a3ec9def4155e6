"""Makes an answer meet its schema where that costs nothing true: the order of the repairs, and what none can mend.

A server that does not constrain its model exceeds bounds: a text is too long, a box leaves the picture, there is an
action too many. Whatever else is good in the answer stays.
"""

from typing import Any, Final, TypeAlias

from models.annotators.response.form import Json, check_form
from models.annotators.response.objects import repair_objects
from models.annotators.response.schema import Schema
from models.annotators.response.texts import texts_of
from models.annotators.response.times import repair_times

ACTIONS_KEPT_MAX: Final = 64
"""More than the schema allows: a longer list is a repetition."""
_NOT_RECORDED: Final = "hands"
"""A field that only makes the model look before it decides: no answer is refused for it."""

NumberedAction: TypeAlias = tuple[int, dict[str, Any]]
"""An action and its number in the answer, from 1."""


def repaired_actions(answer: Json, schema: Schema) -> tuple[list[NumberedAction], list[str]]:
    """The actions of an answer, repaired in place, and the repairs; those that cannot be repaired are dropped.

    Raises:
        ValueError: the answer is not of its form, or no action can be repaired.
    """
    form = schema["properties"]["actions"]["items"]
    if not isinstance(answer, dict) or not isinstance(answer.get("actions"), list) or not answer["actions"]:
        check_form(answer, schema)
        raise ValueError("actions is not a list of actions")
    written: Any = answer["actions"]
    repairs = _without_unknown(answer, schema["properties"], "the answer")
    check_form({**answer, "actions": []}, {**schema, "properties": {**schema["properties"], "actions": {"const": []}}})
    for number, action in enumerate(written, start=1):
        repairs += _repair_texts(action, form, f"action {number}")
    repairs += repair_objects(answer, schema) + repair_times(answer, schema)
    actions, errors = _valid(written, form, repairs)
    if not actions:
        raise errors[0]
    if len(written) > (most := schema["properties"]["actions"]["maxItems"]):
        repairs.append(f"the answer has {len(written)} actions, more than the {most} that were asked for")
    return actions, repairs


def _repair_texts(action: Json, form: Schema, place: str) -> list[str]:
    """Repair what an action has more than it may, and its texts."""
    if not isinstance(action, dict):
        return []
    busy = form["anyOf"][0]
    action.pop(_NOT_RECORDED, None)
    return [
        *_without_unknown(action, busy["properties"], place),
        *_without_unknown(action.get("ecot"), busy["properties"]["ecot"]["properties"], f"{place}, ecot"),
        *texts_of(action, busy, place),
    ]


def _valid(written: list[Json], form: Schema, repairs: list[str]) -> tuple[list[NumberedAction], list[ValueError]]:
    """The actions that meet their form, and why the others do not."""
    recorded = {"anyOf": [_recorded(each) for each in form["anyOf"]]}
    actions: list[NumberedAction] = []
    errors: list[ValueError] = []
    for number, action in enumerate(written[:ACTIONS_KEPT_MAX], start=1):
        place = f"actions.{number - 1}"
        try:
            check_form(action, recorded, place)
        except (ValueError, RecursionError) as error:
            errors.append(ValueError(str(error)))
            repairs.append(f"action {number}: dropped, {str(error).removeprefix(f'{place}.')}")
        else:
            if isinstance(action, dict):
                actions.append((number, action))
    if len(written) > ACTIONS_KEPT_MAX:
        repairs.append(f"its last {len(written) - ACTIONS_KEPT_MAX} actions were dropped")
    return actions, errors


def _recorded(form: Schema) -> Schema:
    """The form of an action without the field that is not recorded."""
    return {**form, "properties": {name: each for name, each in form["properties"].items() if name != _NOT_RECORDED}}


def _without_unknown(fields: Json, properties: dict[str, Schema], place: str) -> list[str]:
    """Drop fields that an object may not have, in place; their names are the model's, and not repeated."""
    unknown = [name for name in fields if name not in properties] if isinstance(fields, dict) else []
    for name in unknown:
        if isinstance(fields, dict):
            del fields[name]
    return [f"{place}: unknown fields were dropped"] if unknown else []
