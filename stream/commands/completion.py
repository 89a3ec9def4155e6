"""``egoclean-stream completion SHELL``: the script that makes a shell complete commands, options and choices."""

from typing import Final

import click
from click.shell_completion import get_completion_class

from stream.commands.command import command
from stream.commands.values import Choice
from stream.commands.version import PROGRAM
from stream.errors import ExitCode

VARIABLE: Final = "_EGOCLEAN_STREAM_COMPLETE"
"""By which the script asks the program for completions."""
_EXAMPLES: Final = (
    ("Bash: add this line to ~/.bashrc", 'eval "$(egoclean-stream completion bash)"'),
    ("Zsh: add this line to ~/.zshrc", 'eval "$(egoclean-stream completion zsh)"'),
    ("Fish: add this line to ~/.config/fish/config.fish", "egoclean-stream completion fish | source"),
)


@command(examples=_EXAMPLES, exit_codes=(ExitCode.DONE, ExitCode.USAGE))
@click.argument("shell", type=Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script that completes commands, options and choices in SHELL: bash, zsh or fish."""
    complete = get_completion_class(shell)
    if complete is None:
        raise ValueError(f"click does not complete in {shell}")
    click.echo(complete(ctx.find_root().command, {}, PROGRAM, VARIABLE).source())
