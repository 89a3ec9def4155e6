"""What click refuses, in the words in which this program refuses everything else."""

from difflib import get_close_matches

import click


def usage_sentence(error: click.ClickException) -> str:
    """One sentence that names the argument, and what would be right."""
    match error:
        case click.NoSuchOption(option_name=name, ctx=click.Context() as ctx):
            return f"`{ctx.command_path}` has no option {name}{_nearest(ctx, name, _flags(ctx))}"
        case click.exceptions.NoSuchCommand(command_name=name, ctx=click.Context() as ctx):
            return f"`{ctx.command_path}` has no command {name}{_nearest(ctx, name, _commands(ctx))}"
        case click.MissingParameter(ctx=click.Context() as ctx, param=click.Parameter() as param):
            return f"{_name(param, ctx)} is missing: `{ctx.command_path} --help` describes it"
        case click.BadOptionUsage(option_name=name):
            return f"{name} takes no value" if "does not take" in error.message else f"{name} needs a value"
        case click.BadParameter(ctx=click.Context() as ctx, param=click.Parameter() as param):
            return f"{_name(param, ctx)}: {error.message}"
        case _:
            return error.format_message()


def _nearest(ctx: click.Context, word: str, names: list[str]) -> str:
    near = get_close_matches(word, names, n=1)
    return f": did you mean {near[0]}?" if near else f": `{ctx.command_path} --help` lists them"


def _flags(ctx: click.Context) -> list[str]:
    return [name for param in ctx.command.get_params(ctx) for name in (*param.opts, *param.secondary_opts)]


def _commands(ctx: click.Context) -> list[str]:
    return ctx.command.list_commands(ctx) if isinstance(ctx.command, click.Group) else []


def _name(param: click.Parameter, ctx: click.Context) -> str:
    return max(param.opts, key=len) if isinstance(param, click.Option) else param.make_metavar(ctx)
