"""Declares options: one field holds the default, range, help and flag, and whether it identifies a run.

The command line, the environment, a TOML file and ``run.json`` are all derived from these fields.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from types import UnionType
from typing import Any, ClassVar, Final, Literal, TypeAlias, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

OptionValue: TypeAlias = bool | int | float | str | Path | None

SHORTEST_WAIT_S: Final = 0.001
LONGEST_WAIT_S: Final = 86_400.0
"""Limits of an option that is a timeout or a wait, in seconds: a millisecond, and a day."""
LONGEST_SOURCE_S: Final = 100_000_000.0
"""Limit of an option that is a time or a length of a source, in seconds: three years."""
DOLLARS_MAX: Final = 1_000_000.0
"""Limit of an option that is a price."""

CONFLICT: Final = "conflict"
"""Type of the error of two options that contradict each other."""
_BOUNDS: Final = (("gt", Gt, "above"), ("ge", Ge, "at least"), ("lt", Lt, "below"), ("le", Le, "at most"))
_UPPER: Final = frozenset({"lt", "le"})
_MEANT_MAX: Final = 3
"""A word with which more choices than this begin names none of them."""
_LARGE: Final = 1_000_000
"""An upper bound from here on is left out of the help."""


class OptionGroup(BaseModel):
    """Options that belong together: a section of the help, a table of a TOML file, an object in ``run.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _require_text(cls, value: object) -> object:
        if value == "":
            raise ValueError("must not be empty")
        return value

    title: ClassVar[str] = ""
    """Heading of the section in the help."""
    prefix: ClassVar[str] = ""
    """Begins every flag of the group, as ``detector`` in ``--detector-alpha``."""


def option(
    default: OptionValue,
    text: str,
    *,
    identity: bool = False,
    daily: bool = False,
    flag: str | None = None,
    unset: str | None = None,
    metavar: str | None = None,
    command_line_only: bool = False,
    **bounds: float,
) -> Any:  # noqa: ANN401 - the type of the field, as pydantic's Field
    """A field that is an option of the user's.

    Args:
        default: value where the user gives none.
        text: help of the command line.
        identity: whether runs that differ in it are different runs.
        daily: whether ``--help`` shows it; ``--help-all`` shows every option.
        flag: name on the command line, ``--out``, or with its short form ``-o --out``; None for the group's prefix and
            the field's name.
        unset: what the default None stands for, as the help states it.
        metavar: what the help calls the value.
        command_line_only: whether a TOML file or the environment must not set it.
        **bounds: ``gt``, ``ge``, ``lt`` and ``le``, as for pydantic; a number has a lower and an upper one.
    """
    marks: dict[str, Any] = {
        "help": text,
        "identity": identity,
        "daily": daily,
        "flag": flag,
        "unset": unset,
        "metavar": metavar,
        "command_line_only": command_line_only,
    }
    as_field: Any = Field  # its overloads take no dictionary of bounds
    return as_field(default=default, json_schema_extra={"option": marks}, **bounds)


def switch(
    text: str,
    *,
    on: bool = False,
    identity: bool = False,
    daily: bool = False,
    flag: str | None = None,
    command_line_only: bool = False,
) -> Any:  # noqa: ANN401 - as above
    """A boolean option. A ``flag`` of its own is written with its opposite, ``--hint/--no-hint``."""
    return option(on, text, identity=identity, daily=daily, flag=flag, command_line_only=command_line_only)


def identity_field(**default: Any) -> Any:  # noqa: ANN401 - as above
    """A field that is no option of the user's, but part of a run's identity; required unless it has a ``default``."""
    return Field(json_schema_extra={"option": {"identity": True}}, **default)


def conflict(group: OptionGroup, one: tuple[str, str], other: tuple[str, str]) -> PydanticCustomError:
    """The error of two numbers of a group that contradict each other; it blames one that the user has set.

    Args:
        group: the group with its values.
        one: a field's name, and what it must be: ``("longest_s", "above")`` the other.
        other: likewise.
    """
    (name, must), (beside, _) = (one, other) if one[0] in group.model_fields_set else (other, one)
    flag = next(each.flag for each in options_of(type(group)) if each.path == beside)
    by_default = "" if beside in group.model_fields_set else ", the default"
    requirement = f"must be {must} {flag} {getattr(group, beside):g}{by_default}"
    return PydanticCustomError(CONFLICT, "{requirement}", {"field": name, "requirement": requirement})


@dataclass(frozen=True)
class OneOf:
    """Annotation of a text that names a row of a table, which is imported only when its names are needed."""

    names: Callable[[], Sequence[str]]


@dataclass(frozen=True)
class OptionField:
    """An option as a field declares it."""

    path: str
    """Dotted, as in a TOML file: ``detector.alpha``."""
    group: type[BaseModel]
    field: FieldInfo
    extra: Mapping[str, Any]

    @property
    def title(self) -> str:
        """Heading of its group."""
        return self.group.title if issubclass(self.group, OptionGroup) else ""

    @property
    def flags(self) -> str:
        """As click takes it: ``--detector-alpha``, or ``--rectify/--no-rectify`` for a switch.

        A switch that no file and no variable can set needs no opposite.
        """
        if self.extra["flag"]:
            return str(self.extra["flag"]).rpartition(" ")[2]
        name = self.path.rpartition(".")[2].replace("_", "-")
        prefix = self.group.prefix if issubclass(self.group, OptionGroup) else ""
        flag = f"{prefix}-{name}" if prefix else name
        has_opposite = isinstance(self.field.default, bool) and not self.extra["command_line_only"]
        return f"--{flag}/--no-{flag}" if has_opposite else f"--{flag}"

    @property
    def short(self) -> str:
        """Its short form, ``-o``; empty if it has none."""
        return str(self.extra["flag"] or "").rpartition(" ")[0]

    @property
    def flag(self) -> str:
        """Its name in messages."""
        return self.flags.partition("/")[0]

    @cached_property
    def type(self) -> type:
        """``bool``, ``int``, ``float``, ``str`` or ``Path``; ``str`` for a choice."""
        plain = [each for each in _alternatives(self.field.annotation) if each is not type(None)]
        return plain[0] if len(plain) == 1 and inspect.isclass(plain[0]) else str

    @cached_property
    def choices(self) -> tuple[str, ...]:
        """The values of a choice; empty for other options."""
        named = [word for each in self.field.metadata if isinstance(each, OneOf) for word in each.names()]
        literals = [each for each in _alternatives(self.field.annotation) if get_origin(each) is Literal]
        return (*named, *(str(word) for each in literals for word in get_args(each)))

    @cached_property
    def range(self) -> str:
        """``above 0 and at most 1``; empty where it has no bounds."""
        return range_text(self._limits)

    @property
    def help_range(self) -> str:
        """The same without bounds that a help need not name."""
        return range_text(help_bounds(self._limits))

    @cached_property
    def _limits(self) -> Mapping[str, float]:
        bounds = ((name, cls) for name, cls, _ in _BOUNDS)
        return {
            name: getattr(each, name) for name, cls in bounds for each in self.field.metadata if isinstance(each, cls)
        }


def help_bounds(bounds: Mapping[str, float]) -> dict[str, float]:
    """Bounds as a help names them: an upper one of a million or more, which only refuses nonsense, is left out."""
    return {name: bound for name, bound in bounds.items() if name not in _UPPER or bound < _LARGE}


def range_text(bounds: Mapping[str, float]) -> str:
    """``above 0 and at most 1`` of ``{"gt": 0, "le": 1}``."""
    return " and ".join(f"{word} {_plain(bounds[name])}" for name, _, word in _BOUNDS if name in bounds)


def _plain(number: float) -> str:
    """A number without an exponent where it is whole."""
    return str(int(number)) if number == int(number) else f"{number:g}"


def displayed(value: object) -> str:
    """A value that a user gave, as a message shows it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "''" if value == "" else str(value)


def must_be(kind: type, range_: str, *, out_of_range: bool = False) -> str:
    """The requirement for a value: ``must be above 0``, or with a type ``must be a whole number, at least 1``."""
    if out_of_range:
        return f"must be {range_}"
    nouns = {bool: "true or false", int: "a whole number", float: "a finite number", Path: "a path, and not empty"}
    noun = nouns.get(kind, "text, and not empty")
    return f"must be {noun}, {range_}" if range_ else f"must be {noun}"


def must_be_one_of(value: object, choices: Sequence[str]) -> str:
    """The requirement for a choice: ``must be one of grid, vjepa2``, and the words that a misspelt one may stand for.

    These are the choices that begin with it, or the one that is spelt alike.
    """
    word = str(value).lower()
    beginning = [each for each in choices if word and each.startswith(word)]
    near = beginning if 0 < len(beginning) <= _MEANT_MAX else get_close_matches(word, choices, n=1)
    meant = f": did you mean {' or '.join(near)}?" if near else ""
    return f"must be one of {', '.join(choices)}{meant}"


def _alternatives(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401 - any type form
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def options_of(model: type[BaseModel], path: str = "") -> Iterator[OptionField]:
    """The options of a model and of the groups in it, depth first, in the order of declaration."""
    for name, field in model.model_fields.items():
        where = f"{path}.{name}" if path else name
        if inspect.isclass(field.annotation) and issubclass(field.annotation, BaseModel):
            yield from options_of(field.annotation, where)
        elif isinstance(extra := field.json_schema_extra, dict) and isinstance(marks := extra.get("option"), dict):
            yield OptionField(where, model, field, marks)


def by_path(values: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - whatever is there
    """The value at a dotted path of nested mappings; None where there is none."""
    found: Any = values
    for name in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(name)
    return found


def nest(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by dotted path, as nested dictionaries."""
    root: dict[str, Any] = {}
    for path, value in values.items():
        *groups, name = path.split(".")
        here = root
        for group in groups:
            here = here.setdefault(group, {})
        here[name] = value
    return root


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two nested mappings in one; where both have a value, the one ``above`` counts."""
    both = dict(below)
    for name, value in above.items():
        lower = both.get(name)
        both[name] = merge(lower, value) if isinstance(lower, Mapping) and isinstance(value, Mapping) else value
    return both
