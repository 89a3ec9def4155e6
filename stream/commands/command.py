"""Commands whose help is in sections, with examples and exit codes, and the types of their own arguments."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from stream.errors import ExitCode, UsageError
from stream.records.schema.options import must_be, range_text

T = TypeVar("T")

SHORT_HELP: Final = 24
"""A command with at most so many options shows all of them in ``--help``."""
_ALL: Final = "stream.help_all"
_BOOLEANS: Final = frozenset({"true", "t", "yes", "y", "on", "false", "f", "no", "n", "off"})
"""The words that click takes for a boolean, besides 0 and 1."""
_CODES: Final = {
    ExitCode.DONE: "done",
    ExitCode.USAGE: "usage or configuration",
    ExitCode.INPUT: "the input cannot be read",
    ExitCode.PARTIAL: "done, but some segments failed or some video was damaged",
    ExitCode.MODEL_MISSING: "a model or its weights are missing",
    ExitCode.NO_ROOM: "no room: disk, memory or GPU memory",
    ExitCode.INTERNAL: "internal error",
    ExitCode.SIGINT: "stopped by Ctrl-C",
    ExitCode.SIGTERM: "stopped by SIGTERM",
}
ALL_CODES: Final = tuple(_CODES)


class Command(click.Command):
    """A command with a help in sections.

    An option may have the attributes ``section``, the heading it stands under, and ``daily``: one that is not is
    shown by ``--help-all`` alone, where the command has many.
    """

    examples: Sequence[tuple[str, str]] = ()
    """What each does, and its command line; the program's name is put before one that does not have it."""
    exit_codes: Sequence[ExitCode] = ()

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        params = super().get_params(ctx)
        return [*params, _help_all] if self._is_long(params) else params

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        params = self.get_params(ctx)
        whole = ctx.meta.get(_ALL, False) or not self._is_long(params)
        sections: dict[str, list[tuple[str, str]]] = {}
        hidden = 0
        for param in params:
            if isinstance(param, click.Option) and (record := param.get_help_record(ctx)):
                if whole or getattr(param, "daily", True):
                    sections.setdefault(getattr(param, "section", "Options"), []).append(record)
                else:
                    hidden += 1
        own = sections.pop("Options", [])
        for title, records in [*sections.items(), ("Options", own)]:
            with formatter.section(title):
                formatter.write_dl(records)
        if hidden:
            formatter.write_paragraph()
            formatter.write_text(f"{hidden} more options: {ctx.command_path} --help-all")

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                write_examples(formatter, self.examples)
        if self.exit_codes:
            with formatter.section("Exit codes"):
                formatter.write_dl([(str(int(code)), _CODES[code]) for code in self.exit_codes])
        super().format_epilog(ctx, formatter)

    def _is_long(self, params: Sequence[click.Parameter]) -> bool:
        return sum(isinstance(param, click.Option) for param in params) > SHORT_HELP


def write_examples(formatter: click.HelpFormatter, examples: Sequence[tuple[str, str]]) -> None:
    """Each as a comment and a command line, which is not wrapped."""
    indent = " " * formatter.current_indent
    for does, words in examples:
        line = words if "egoclean-stream" in words else f"egoclean-stream {words}"
        formatter.write(f"{indent}# {does}\n{indent}{line}\n")


def command(
    name: str | None = None, *, examples: Sequence[tuple[str, str]], exit_codes: Sequence[ExitCode] = ()
) -> Callable[[Callable[..., Any]], Command]:
    """Make a function a command, as ``click.command`` does."""

    def decorate(function: Callable[..., Any]) -> Command:
        made = click.command(name, cls=Command)(function)
        made.examples, made.exit_codes = examples, exit_codes
        return made

    return decorate


def _show_all(ctx: click.Context, _param: click.Parameter, value: object) -> None:
    if value and not ctx.resilient_parsing:
        ctx.meta[_ALL] = True
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


_help_all = click.Option(
    ["--help-all"], is_flag=True, is_eager=True, expose_value=False, callback=_show_all, help="Show every option."
)


class ClipName(click.ParamType[str]):
    """A positional CLIP. A number or a boolean word is refused: it was most likely meant for the option before it."""

    name = "clip"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401, ARG002 - click's
        text = str(value)
        if not text:
            raise UsageError("'' is not a clip: name a file or an address")
        is_number = _is_number(text)
        if not (is_number or text.strip().lower() in _BOOLEANS) or Path(text).exists():
            return text
        restarts = f", and restarts are limited by --max-restarts {text}" if is_number else ""
        raise UsageError(
            f"{text} is not a clip: no file has this name; "
            f"if it belongs to the option before it, that option takes no value{restarts}"
        )

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:  # noqa: ARG002
        return [click.shell_completion.CompletionItem(incomplete, type="file")]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class PathName(click.Path):
    """A path, which need not exist."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        if value == "":
            raise UsageError(f"{_named(param)} '': {must_be(Path, '')}")
        return super().convert(value, param, ctx)


class Real(click.FloatRange):
    """A finite number in a range, refused and described as every other option is."""

    name = "number"

    def _describe_range(self) -> str:
        return range_text(_bounds(self))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401
        try:
            number = float(value)
            if math.isfinite(number):
                return float(super().convert(value, param, ctx))
        except (ValueError, click.BadParameter) as error:
            raise UsageError(_refusal(self, float, value, param)) from error
        raise UsageError(_refusal(self, float, value, param))


class Whole(click.IntRange):
    """A whole number in a range, refused and described as every other option is."""

    name = "integer"

    def _describe_range(self) -> str:
        return range_text(_bounds(self))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401
        try:
            return int(super().convert(value, param, ctx))
        except click.BadParameter as error:
            raise UsageError(_refusal(self, int, value, param)) from error


class Choice(click.Choice[str]):
    """One of several words, refused as every other option is."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            raise UsageError(f"{_named(param)} {value}: must be one of {', '.join(self.choices)}") from error


def _refusal(
    bounds: click.FloatRange | click.IntRange, kind: type, value: object, param: click.Parameter | None
) -> str:
    try:
        number = kind(value)
        out_of_range = kind is int or math.isfinite(number)
    except ValueError:
        out_of_range = False
    return f"{_named(param)} {value}: {must_be(kind, range_text(_bounds(bounds)), out_of_range=out_of_range)}"


def _bounds(bounds: click.FloatRange | click.IntRange) -> dict[str, float]:
    lower = {"gt" if bounds.min_open else "ge": bounds.min} if bounds.min is not None else {}
    upper = {"lt" if bounds.max_open else "le": bounds.max} if bounds.max is not None else {}
    return {**lower, **upper}


def _named(param: click.Parameter | None) -> str:
    if param is None:
        return "value"
    return param.opts[0] if isinstance(param, click.Option) else param.make_metavar(click.get_current_context())
