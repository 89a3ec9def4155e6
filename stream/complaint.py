"""How the user is told of an error: one sentence, and the traceback of a fault that is ours."""

import logging

from stream.errors import EgocleanError, ExitCode, exit_code_of, sentence_of

_LOG = logging.getLogger(__name__)


def complain(error: Exception) -> int:
    """Say what went wrong; returns the exit code."""
    code = exit_code_of(error)
    is_our_fault = code == ExitCode.INTERNAL and not isinstance(error, EgocleanError)
    _LOG.error(sentence_of(error), exc_info=error if is_our_fault else None)
    return code
