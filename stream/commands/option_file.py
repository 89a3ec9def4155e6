"""A TOML file with options: a table for each group of a run's options, and one for each command's own."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from stream.commands.groups import commands_below
from stream.commands.option import CONFIG_FILE, ConfigurableOption, OwnOption
from stream.config import OPTIONS, validate
from stream.errors import UsageError
from stream.records.schema.options import OptionField, by_path, displayed, merge, must_be, nest
from stream.ui.standard_streams import echo

_TOML_TYPES: Final[dict[type, tuple[type, ...]]] = {
    bool: (bool,),
    int: (int,),
    float: (float, int),
    str: (str,),
    Path: (str,),
}
"""The types of TOML that an option's value may have in a file."""


def read_options(ctx: click.Context, path: Path | None) -> None:
    """Take the values of a file as defaults of a command; values of other commands' own options do not concern it.

    Raises:
        UsageError: it cannot be read, names something that is not an option, or has a value that is out of range.
    """
    if path is None or ctx.resilient_parsing:
        return
    values = dict(_flat(_parsed(path), path))
    of_run = {name: value for name, value in values.items() if name in OPTIONS}
    of_commands = {name: value for name, value in values.items() if name not in OPTIONS}
    known = {param.key(ctx): param for ctx, param in own_options(ctx)} if of_commands else {}
    for name, value in values.items():
        _require_settable(name, known, path)
        _require_type(name, value, OPTIONS.get(name) or known[name], path)
    validate(merge(nest(of_run), {"source": "-"}), lambda name, value: f"{path}: {name} = {displayed(value)}")
    ctx.meta[CONFIG_FILE] = path
    settable = (param for param in ctx.command.params if isinstance(param, ConfigurableOption))
    ctx.default_map = {str(param.name): values[param.key(ctx)] for param in settable if param.key(ctx) in values}


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise UsageError(f"--config {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"--config {path} is not TOML: {error}") from error


def own_options(ctx: click.Context) -> Iterator[tuple[click.Context, OwnOption]]:
    """The own options of every command of the program, each with a context of its command."""
    for each in commands_below(ctx.find_root()):
        for param in each.command.params:
            if isinstance(param, OwnOption):
                yield each, param


def _require_settable(name: str, own: Mapping[str, OwnOption], path: Path) -> None:
    option = OPTIONS.get(name)
    if option is None and name not in own:
        raise UsageError(f"--config {path}: there is no option {name}{_nearest(name, own)}")
    if option is not None and option.extra["command_line_only"]:
        raise UsageError(f"--config {path}: {name} is taken from the command line alone, as {option.flag}: remove it")


def _require_type(name: str, value: object, option: OptionField | OwnOption, path: Path) -> None:
    kind = option.kind if isinstance(option, OwnOption) else option.type
    if not option.choices and type(value) not in _TOML_TYPES[kind]:
        raise UsageError(f"{path}: {name} = {displayed(value)}: {must_be(kind, option.range)}")


def _flat(values: Mapping[str, Any], path: Path, table: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if "." in name:
            raise UsageError(
                f'--config {path}: "{name}" in quotation marks is a single name: write {name} without them, '
                f"or {name.rpartition('.')[2]} in the table [{name.rpartition('.')[0]}]"
            )
        where = f"{table}.{name}" if table else name
        if isinstance(value, dict) and where not in OPTIONS:
            yield from _flat(value, path, where)
        else:
            yield where, value


def _nearest(name: str, own: Mapping[str, OwnOption]) -> str:
    by_flag = {each.flag.removeprefix("--").replace("-", "_"): path for path, each in OPTIONS.items()}
    last = name.rpartition(".")[2].replace("-", "_")
    if last in by_flag:
        return f": {by_flag[last]} is meant"
    names = [*OPTIONS, *own]
    near = get_close_matches(name, names, n=1) or get_close_matches(name, names, n=1, cutoff=0.3)
    return f": did you mean {near[0]}?" if near else ""


def print_options(ctx: click.Context, inherited: Mapping[str, Any]) -> None:
    """Print the options of a command as a TOML file; what has no value is a comment.

    Args:
        ctx: Of the command.
        inherited: The options of an earlier run, nested, for those that the command inherits.
    """
    last = None
    params = [each for each in ctx.command.params if isinstance(each, ConfigurableOption)]
    for param in sorted(params, key=lambda each: isinstance(each, OwnOption)):
        if param.command_line_only:
            continue
        table, _, key = param.key(ctx).rpartition(".")
        if table != last:
            click.echo(f"[{table}]" if last is None else f"\n[{table}]")
            last = table
        value = _value(ctx, param, inherited)
        line = f"# {key} =" if value is None else f"{key} = {_toml(_kind(param), value)}"
        echo(f"{line}  # {param.origin(ctx)}")


def _value(ctx: click.Context, param: ConfigurableOption, inherited: Mapping[str, Any]) -> object:
    is_default = ctx.get_parameter_source(str(param.name)) == ParameterSource.DEFAULT
    if is_default and getattr(param, "inherited_from", None):
        return by_path(inherited, param.key(ctx))
    return ctx.params[str(param.name)]


def _kind(param: ConfigurableOption) -> type:
    if isinstance(param, OwnOption):
        return param.kind
    return OPTIONS[str(param.name).replace("__", ".")].type


def _toml(kind: type, value: object) -> str:
    """A value as TOML: a basic string is a string of JSON, without its escapes of surrogate pairs."""
    if kind is bool:
        return str(value).lower()
    if kind in (int, float):
        return str(kind(str(value)))
    quoted = json.dumps(str(value), ensure_ascii=False)
    return "".join(char if char.isprintable() or _is_surrogate(char) else f"\\U{ord(char):08X}" for char in quoted)


def _is_surrogate(char: str) -> bool:
    return "\ud800" <= char <= "\udfff"
