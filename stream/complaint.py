"""How the user is told of an error: one sentence, and the traceback of a fault that is ours."""

import traceback

import click

from stream.errors import EgocleanError, ExitCode, exit_code_of, sentence_of
from stream.words import printable


def complain(error: Exception) -> int:
    """Say on standard error what went wrong; returns the exit code."""
    code = exit_code_of(error)
    if code == ExitCode.INTERNAL and not isinstance(error, EgocleanError):
        for line in "".join(traceback.format_exception(error)).splitlines():
            click.echo(printable(line), err=True)
    click.echo(f"egoclean-stream: {sentence_of(error)}", err=True)
    return code
