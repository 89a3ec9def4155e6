"""Commands whose help is in sections, with examples and exit codes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import click

from stream.errors import MEANINGS, ExitCode, UsageError
from stream.ui.standard_streams import never_wait

T = TypeVar("T")

SHORT_HELP: Final = 24
"""A command with at most so many options shows all of them in ``--help``."""
_ALL: Final = "stream.help_all"
BY_SIGNAL: Final = (ExitCode.SIGHUP, ExitCode.SIGINT, ExitCode.SIGTERM)
ALL_CODES: Final = tuple(code for code in MEANINGS if code != ExitCode.SIGPIPE)


OWN_PROCESS: Final = object()
"""``obj`` of the context in a process of the program's own, which may be forked; not where a command is called from
another program."""


class Command(click.Command):
    """A command with a help in sections.

    An option may have the attributes ``section``, the heading it stands under, and ``daily``: one that is not is
    shown by ``--help-all`` alone, where the command has many.
    """

    examples: Sequence[tuple[str, str]] = ()
    """What each does, and its command line; the program's name is put before one that does not have it."""
    exit_codes: Sequence[ExitCode] = ()
    meanings: Mapping[ExitCode, str] = MEANINGS
    """Of its exit codes."""
    never_waits = False
    """Whether it runs for long, and so drops what the reader of its output does not take."""
    before_threads: Callable[[click.Context], None] | None = None
    """Called in a process of the program's own, before there is any thread, which a fork would not copy."""
    allow_extra_args = True  # refused by ``parse_args``, in the program's own words

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        if rest and not ctx.resilient_parsing:
            taken = [each.make_metavar(ctx).strip("[]") for each in self.params if isinstance(each, click.Argument)]
            expected = f"only {' '.join(taken)}" if taken else "no arguments"
            raise UsageError(f"`{ctx.command_path}` takes {expected}: {' '.join(rest)} is too much")
        return rest

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click's
        if self.before_threads is not None and ctx.obj is OWN_PROCESS:
            self.before_threads(ctx)
        if self.never_waits:
            never_wait()
        return super().invoke(ctx)

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
                formatter.write_dl([(str(int(code)), self.meanings[code]) for code in self.exit_codes])
        super().format_epilog(ctx, formatter)

    def _is_long(self, params: Sequence[click.Parameter]) -> bool:
        return sum(isinstance(param, click.Option) for param in params) > SHORT_HELP


def write_examples(formatter: click.HelpFormatter, examples: Sequence[tuple[str, str]]) -> None:
    """Each as a comment and a command line, which is wrapped only where it has a newline."""
    indent = " " * formatter.current_indent
    for does, words in examples:
        line = words if "egoclean-stream" in words else f"egoclean-stream {words}"
        line = line.replace("\n", f" \\\n{indent}    ")
        formatter.write(f"{indent}# {does}\n{indent}{line}\n")


def command(
    name: str | None = None,
    *,
    examples: Sequence[tuple[str, str]],
    exit_codes: Sequence[ExitCode] = (),
    partial: str = MEANINGS[ExitCode.PARTIAL],
    never_waits: bool = False,
    before_threads: Callable[[click.Context], None] | None = None,
) -> Callable[[Callable[..., Any]], Command]:
    """Make a function a command, as ``click.command`` does; ``partial`` says what its exit code 4 means."""

    def decorate(function: Callable[..., Any]) -> Command:
        result = click.command(name, cls=Command)(function)
        result.examples, result.exit_codes, result.never_waits = examples, exit_codes, never_waits
        result.before_threads = before_threads
        result.meanings = {**MEANINGS, ExitCode.PARTIAL: partial}
        return result

    return decorate


def _show_all(ctx: click.Context, _param: click.Parameter, value: object) -> None:
    if value and not ctx.resilient_parsing:
        ctx.meta[_ALL] = True
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


_help_all = click.Option(
    ["--help-all"], is_flag=True, is_eager=True, expose_value=False, callback=_show_all, help="Show every option."
)
