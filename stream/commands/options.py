"""The options of a run on a command line: from its words, the environment or a TOML file, in that order.

Each is derived from a field of ``stream.config.Options``: a command names the groups or fields that it takes.
"""

import json
import os
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from stream.commands.command import PathName
from stream.config import OPTIONS, Options, flag_and_value, validate
from stream.errors import UsageError, printable
from stream.records.schema.options import OptionField, displayed, merge, must_be, nest
from stream.sources.network import network

T = TypeVar("T")

_FILE: Final = "stream.config_file"
_TOML_TYPES: Final[dict[type, tuple[type, ...]]] = {
    bool: (bool,),
    int: (int,),
    float: (float, int),
    str: (str,),
    Path: (str,),
}
"""The types of TOML that an option's value may have in a file."""
_DOT: Final = "__"
"""Stands for the dot of a path in a parameter's name."""


@dataclass(frozen=True)
class Chosen:
    """The options that a command was given, and where each came from."""

    values: Mapping[str, Any]
    """By path, without those that are at their default."""
    places: Mapping[str, Callable[[object], str]] = field(default_factory=dict)
    """How a message names each with its value."""

    def options(self, source: str, changes: Mapping[str, object] | None = None) -> Options:
        """All options of a run of ``source``; ``changes``, by path, count before what was given.

        Raises:
            UsageError: naming the first option that is out of range.
        """
        return validate(nest({**self.values, **(changes or {}), "source": source}), self._place)

    def _place(self, path: str, value: object) -> str:
        return self.places[path](value) if path in self.places else flag_and_value(path, value)


class RunOption(click.Option):
    """The command-line option of a field; its value is checked later, with all others."""

    def __init__(self, declared: OptionField) -> None:
        self.declared = declared
        self.section = declared.title
        self.daily = bool(declared.extra["daily"])
        is_switch = declared.type is bool
        super().__init__(
            [declared.flags, declared.path.replace(".", _DOT)],
            is_flag=is_switch or None,
            type=None if is_switch else _Raw(declared),
            default=declared.field.default,
            envvar=None if declared.extra["command_line_only"] else environment_name(declared.flag),
            allow_from_autoenv=False,
            show_default=True,
            help=declared.extra["help"],
        )

    def get_help_extra(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's dictionary
        extra, default = super().get_help_extra(ctx), self.declared.field.default
        if self.declared.extra["unset"]:
            extra["default"] = self.declared.extra["unset"]
        elif isinstance(default, bool) and not self.declared.extra["command_line_only"]:
            extra["default"] = "on" if default else "off"
        elif isinstance(default, float):
            extra["default"] = f"{default:g}"
        if self.declared.range:
            extra["range"] = self.declared.range
        return extra

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:  # noqa: ANN401 - click's
        """Leave what is no boolean as it is, for the one place that refuses values."""
        try:
            return super().type_cast_value(ctx, value)
        except click.BadParameter:
            return value


class _Raw(click.ParamType[Any]):
    """A value that is taken as it is."""

    def __init__(self, declared: OptionField) -> None:
        self._declared = declared
        self.name = {int: "integer", float: "number", Path: "path"}.get(declared.type, "text")

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:  # noqa: ARG002 - click's
        choices = self._declared.choices
        return f"[{'|'.join(choices)}]" if choices else self._declared.extra["metavar"]

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        if self._declared.type is Path:
            return [CompletionItem(incomplete, type="file")]
        return [CompletionItem(word) for word in self._declared.choices if word.startswith(incomplete)]


def environment_name(flag: str) -> str:
    """``EGOCLEAN_DETECTOR_ALPHA`` for ``--detector-alpha``."""
    return "EGOCLEAN_" + flag.removeprefix("--").replace("-", "_").upper()


def run_options(*wanted: str) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Give a command the options of these groups, or at these paths; it takes them as ``chosen``.

    ``--config`` and ``--show-config`` come with them.
    """
    chosen = [each for path, each in OPTIONS.items() if path in wanted or path.partition(".")[0] in wanted]

    def decorate(command: Callable[..., T]) -> Callable[..., T]:
        def with_options(**arguments: Any) -> T:  # noqa: ANN401 - click's values
            _require_no_variable(chosen)
            ctx = click.get_current_context()
            for each in chosen:
                del arguments[each.path.replace(".", _DOT)]
            found = given_options(ctx, chosen)
            if arguments.pop("show_config"):
                found.options("-")
                _show(ctx, chosen)
                ctx.exit()
            with network(offline=found.values.get("runtime.offline") is True):
                return command(chosen=found, **arguments)

        with_options.__name__, with_options.__doc__ = command.__name__, command.__doc__
        params = [RunOption(each) for each in chosen]
        own = getattr(command, "__click_params__", [])
        with_options.__click_params__ = [_show_config(), _config(), *own, *reversed(params)]  # type: ignore[attr-defined]
        return with_options

    return decorate


def _require_no_variable(chosen: Iterable[OptionField]) -> None:
    for each in chosen:
        name = environment_name(each.flag)
        if each.extra["command_line_only"] and (value := os.environ.get(name)):
            raise UsageError(f"{name}={value}: {each.flag} is taken from the command line alone: unset {name}")


def given_options(ctx: click.Context, chosen: Iterable[OptionField]) -> Chosen:
    """Those of the options that the command line, the environment or a file gave to a command."""
    values, places = {}, {}
    for each in chosen:
        name = each.path.replace(".", _DOT)
        if (source := ctx.get_parameter_source(name)) != ParameterSource.DEFAULT:
            values[each.path] = ctx.params[name]
            places[each.path] = _place(ctx, each, source)
    return Chosen(values, places)


def _place(ctx: click.Context, each: OptionField, source: ParameterSource | None) -> Callable[[object], str]:
    match source:
        case ParameterSource.ENVIRONMENT:
            return lambda value: f"{environment_name(each.flag)}={value}"
        case ParameterSource.DEFAULT_MAP:
            return lambda value: f"{ctx.meta[_FILE]}: {each.path} = {displayed(value)}"
        case _:
            return lambda value: f"{each.flag} {displayed(value)}"


def _config() -> click.Option:
    return click.Option(
        ["--config"],
        type=PathName(),
        metavar="FILE",
        is_eager=True,
        expose_value=False,
        callback=_read_file,
        envvar="EGOCLEAN_CONFIG",
        allow_from_autoenv=False,
        help="TOML file with options, as --show-config prints them. The command line and EGOCLEAN_* variables win.",
    )


def _show_config() -> click.Option:
    return click.Option(
        ["--show-config"],
        is_flag=True,
        allow_from_autoenv=False,
        help="Print all options as TOML, each with where its value comes from, and exit.",
    )


def _read_file(ctx: click.Context, _param: click.Parameter, path: Path | None) -> None:
    """Take the file's values as defaults of the command.

    Raises:
        UsageError: it cannot be read, names something that is not an option, or has a value that is out of range.
    """
    if path is None or ctx.resilient_parsing:
        return
    try:
        values = tomllib.loads(path.read_text())
    except OSError as error:
        raise UsageError(f"--config {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"--config {path} is not TOML: {error}") from error
    flat = dict(_flat(values))
    for name, value in flat.items():
        if name not in OPTIONS:
            raise UsageError(f"--config {path}: there is no option {name}{_nearest(name)}")
        each = OPTIONS[name]
        if each.extra["command_line_only"]:
            raise UsageError(f"--config {path}: {name} is taken from the command line alone, as {each.flag}: remove it")
        if not each.choices and type(value) not in _TOML_TYPES[each.type]:
            raise UsageError(f"{path}: {name} = {displayed(value)}: {must_be(each.type, each.range)}")
    validate(merge(values, {"source": "-"}), lambda name, value: f"{path}: {name} = {displayed(value)}")
    ctx.meta[_FILE] = path
    ctx.default_map = {name.replace(".", _DOT): value for name, value in flat.items()}


def _flat(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        where = f"{path}.{name}" if path else name
        if isinstance(value, dict) and where not in OPTIONS:
            yield from _flat(value, where)
        else:
            yield where, value


def _nearest(name: str) -> str:
    by_flag = {each.flag.removeprefix("--").replace("-", "_"): path for path, each in OPTIONS.items()}
    last = name.rpartition(".")[2].replace("-", "_")
    if last in by_flag:
        return f": {by_flag[last]} is meant"
    near = get_close_matches(name, OPTIONS, n=1) or get_close_matches(name, OPTIONS, n=1, cutoff=0.3)
    return f": did you mean {near[0]}?" if near else ""


def _show(ctx: click.Context, chosen: Iterable[OptionField]) -> None:
    """Print the options as a TOML file; what has no value is a comment."""
    table = None
    for each in chosen:
        if each.extra["command_line_only"]:
            continue
        name = each.path.replace(".", _DOT)
        group, _, key = each.path.rpartition(".")
        if group != table:
            click.echo(f"[{group}]" if table is None else f"\n[{group}]")
            table = group
        value, origin = ctx.params[name], _origin(ctx, each, ctx.get_parameter_source(name))
        line = f"# {key} =" if value is None else f"{key} = {_toml(each, value)}"
        click.echo(printable(f"{line}  # {origin}"))


def _origin(ctx: click.Context, each: OptionField, source: ParameterSource | None) -> str:
    match source:
        case ParameterSource.COMMANDLINE:
            return each.flag
        case ParameterSource.ENVIRONMENT:
            return environment_name(each.flag)
        case ParameterSource.DEFAULT_MAP:
            return str(ctx.meta[_FILE])
        case _:
            return f"default: {each.extra['unset']}" if each.extra["unset"] else "default"


def _toml(each: OptionField, value: object) -> str:
    """A value as TOML: a basic string is a string of JSON, without its escapes of surrogate pairs."""
    if each.type is bool:
        return str(value).lower()
    if each.type in (int, float):
        return str(each.type(str(value)))
    quoted = json.dumps(str(value), ensure_ascii=False)
    return "".join(char if char.isprintable() or _is_surrogate(char) else f"\\U{ord(char):08X}" for char in quoted)


def _is_surrogate(char: str) -> bool:
    return "\ud800" <= char <= "\udfff"
