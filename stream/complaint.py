"""How the user is told of an error: one sentence, and the traceback of a fault that is ours."""

import sys
import traceback

import click

from stream.errors import EgocleanError, ExitCode, exit_code_of, sentence_of
from stream.words import printable


def complain(error: Exception) -> int:
    """Say on standard error what went wrong; returns the exit code."""
    trace(error)
    click.echo(f"egoclean-stream: {sentence_of(error)}", err=True)
    return exit_code_of(error)


def trace(error: Exception) -> None:
    """Write the traceback of a fault that is ours to standard error, printable; of any other error nothing."""
    if exit_code_of(error) == ExitCode.INTERNAL and not isinstance(error, EgocleanError):
        for line in "".join(traceback.format_exception(error)).splitlines():
            sys.stderr.write(printable(line) + "\n")
