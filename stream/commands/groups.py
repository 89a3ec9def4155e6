"""Groups in which one command is implied, as ``run`` is in ``egoclean-stream clip.mp4``, and a group's commands."""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from glob import escape, glob
from pathlib import Path
from typing import Final

import click
from click.shell_completion import CompletionItem

from stream.commands.command import write_examples
from stream.errors import UsageError

_LIKE_A_COMMAND: Final = re.compile(r"[A-Za-z][A-Za-z_-]*")
"""No path, address, pattern or number, and no file with an extension."""
_ASIDE: Final = {"help": "--help", "version": "--version"}
"""Words that are no command here, but are one in other programs."""


class CommandGroup(click.Group):
    """A group whose help gives the whole first sentence of each command's, and ends with examples."""

    examples: Sequence[tuple[str, str]] = ()
    """What each does, and its command line."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        with formatter.section("Commands"):
            formatter.write_dl([(name, each.get_short_help_str(limit=200)) for name, each in commands.items() if each])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        with formatter.section("Examples"):
            write_examples(formatter, self.examples)


class ImpliedGroup(CommandGroup):
    """Commands by name; other arguments belong to the command that is ``implied``."""

    implied: str = ""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {name for param in self.get_params(ctx) for name in param.opts}
        if args and args[0] not in {*self.list_commands(ctx), *own}:
            if not ctx.resilient_parsing:
                _require_clip(ctx, args[0])
            args = [self.implied, *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands, and what the implied one takes: its options, or paths of clips."""
        found = super().shell_complete(ctx, incomplete)
        if (implied := self.get_command(ctx, self.implied)) is None:
            return found
        if incomplete.startswith("-"):
            context = click.Context(implied, parent=ctx, info_name=self.implied, resilient_parsing=True)
            known = {item.value for item in found}
            return [*found, *(each for each in implied.shell_complete(context, incomplete) if each.value not in known)]
        if not found:
            return [CompletionItem(incomplete, type="file")]
        # Bash completes either files or the words that it gets: beside commands, files have to be words.
        return [*found, *(CompletionItem(path) for path in sorted(glob(f"{escape(incomplete)}*")))]  # noqa: PTH207 - as typed


def commands_below(ctx: click.Context) -> Iterator[click.Context]:
    """A context for each command below a group, those of groups in it included."""
    group = ctx.command
    if not isinstance(group, click.Group):
        return
    for name in group.list_commands(ctx):
        if (command := group.get_command(ctx, name)) is not None:
            context = click.Context(command, parent=ctx, info_name=name, resilient_parsing=True)
            yield context
            yield from commands_below(context)


def _require_clip(ctx: click.Context, word: str) -> None:
    """Refuse a word in a clip's place that looks like a command and names no file.

    Raises:
        UsageError: it does; the message names the nearest command.
    """
    if not _LIKE_A_COMMAND.fullmatch(word) or Path(word).exists():
        return
    program = ctx.find_root().info_name
    commands = {**_ASIDE}
    for each in commands_below(ctx.find_root()):
        names = each.command_path.removeprefix(f"{program} ")
        commands |= {names: names, names.rpartition(" ")[2]: names} if " " in names else {names: names}
    near = get_close_matches(word.lower(), commands, n=1)
    meant = f"did you mean `{program} {commands[near[0]]}`?" if near else f"`{program} --help` lists the commands"
    raise UsageError(f"{word} is neither a command nor a file: {meant}")
