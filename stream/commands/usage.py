"""Usage errors of click, in the style of this program's other errors."""

from difflib import get_close_matches
from typing import Final

import click

_SIMILARITY: Final = 0.7
"""Least ratio of ``difflib`` at which an option counts as misspelt: ``--encodr`` for ``--encoder`` has 0.92."""
_NAMED_MAX: Final = 3
"""A word that more options than this contain names none of them."""


def usage_sentence(error: click.ClickException) -> str:
    """One sentence that names the argument, and what would be right."""
    match error:
        case click.NoSuchOption(option_name=name, ctx=click.Context() as ctx):
            return f"`{ctx.command_path}` has no option {name}{_meant(ctx, _nearest_options(ctx, name))}"
        case click.exceptions.NoSuchCommand(command_name=name, ctx=click.Context() as ctx):
            near = get_close_matches(name, _commands(ctx), n=1)
            return f"`{ctx.command_path}` has no command {name}{_meant(ctx, near)}"
        case click.MissingParameter(ctx=click.Context() as ctx, param=click.Parameter() as param):
            return f"{_name(param, ctx)} is missing: `{ctx.command_path} --help` describes it"
        case click.BadOptionUsage(option_name=name):
            return f"{name} takes no value" if "does not take" in error.message else f"{name} needs a value"
        case click.BadParameter(ctx=click.Context() as ctx, param=click.Parameter() as param):
            return f"{_name(param, ctx)}: {error.message}"
        case _:
            return error.format_message()


def _meant(ctx: click.Context, names: list[str]) -> str:
    return f": did you mean {' or '.join(names)}?" if names else f": `{ctx.command_path} --help` lists them"


def _nearest_options(ctx: click.Context, flag: str) -> list[str]:
    """The options that ``flag`` may stand for: one that is spelt alike, or those that contain its words.

    ``--version`` of the program is among them, because a command line without a command belongs to ``run``.
    """
    word = flag.lstrip("-")
    root = ctx.find_root()
    known = {each.lstrip("-"): f"`{root.command_path} {each}`" for each in _flags(root)}
    known |= {each.lstrip("-"): each for each in _flags(ctx)}
    near = get_close_matches(word, known, n=1, cutoff=_SIMILARITY)
    containing = [each for each in known if f"-{word}-" in f"-{each}-" and not each.startswith("no-")]
    return [known[each] for each in near or (containing if len(containing) <= _NAMED_MAX else [])]


def _flags(ctx: click.Context) -> list[str]:
    return [name for param in ctx.command.get_params(ctx) for name in (*param.opts, *param.secondary_opts)]


def _commands(ctx: click.Context) -> list[str]:
    return ctx.command.list_commands(ctx) if isinstance(ctx.command, click.Group) else []


def _name(param: click.Parameter, ctx: click.Context) -> str:
    return max(param.opts, key=len) if isinstance(param, click.Option) else param.make_metavar(ctx)
