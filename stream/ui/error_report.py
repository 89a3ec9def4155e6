"""How the user is told of an error: one sentence, and the traceback of a fault that is ours."""

import logging
import sys
import traceback

from stream.errors import EgocleanError, ExitCode, exit_code_of, printable, sentence_of

_LOG = logging.getLogger(__name__)


def complain(error: Exception) -> int:
    """Say what went wrong; returns the exit code."""
    _LOG.error(sentence_of(error), exc_info=error if _is_our_fault(error) else None)
    return exit_code_of(error)


def trace(error: Exception) -> None:
    """Write the traceback of a fault that is ours to standard error, printable; of any other error nothing."""
    if _is_our_fault(error):
        for line in "".join(traceback.format_exception(error)).splitlines():
            sys.stderr.write(printable(line) + "\n")


def _is_our_fault(error: Exception) -> bool:
    return exit_code_of(error) == ExitCode.INTERNAL and not isinstance(error, EgocleanError)
