"""Messages to the user from any part of the program, through the project's loggers.

``logging.getLogger(__name__).warning(text, extra={"segment_id": ...})`` sends one.
"""

import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

from stream.errors import EgocleanError, ExitCode, exit_code_of, printable, sentence_of

_LOG = logging.getLogger(__name__)

_LOGGERS = ("stream", "models")
Level: TypeAlias = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Note:
    """A message that is not an event."""

    text: str
    level: Level = "info"
    process: str | None = None
    """The chain's process that sent it; None for the one that the user started."""
    segment_id: str | None = None
    """The segment that it is about, if there is one."""
    trace: str | None = None
    """Traceback of an internal error."""


class _NoteHandler(logging.Handler):
    def __init__(self, forward: Callable[[Note], None], process: str | None) -> None:
        super().__init__(logging.INFO)
        self._forward = forward
        self._process = process

    def emit(self, record: logging.LogRecord) -> None:
        segment_id = getattr(record, "segment_id", None)
        trace = "".join(traceback.format_exception(record.exc_info[1])) if record.exc_info else None
        self._forward(Note(record.getMessage(), _level(record.levelno), self._process, segment_id, trace))


@contextmanager
def forwarded_notes(forward: Callable[[Note], None], process: str | None = None) -> Iterator[None]:
    """Call ``forward_notes`` for the duration of the block."""
    before = {name: logging.getLogger(name).handlers for name in _LOGGERS}
    forward_notes(forward, process)
    try:
        yield
    finally:
        for name, handlers in before.items():
            logging.getLogger(name).handlers = handlers


def forward_notes(forward: Callable[[Note], None], process: str | None = None) -> None:
    """Forward the messages of the project's loggers in this process to a function, perhaps from several threads."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.handlers = [_NoteHandler(forward, process)]


def _level(number: int) -> Level:
    if number >= logging.ERROR:
        return "error"
    return "warning" if number >= logging.WARNING else "info"


def report_error(error: Exception) -> int:
    """Log an error as one sentence, an internal one with its traceback; returns the exit code."""
    _LOG.error(sentence_of(error), exc_info=error if _is_internal(error) else None)
    return exit_code_of(error)


def print_traceback(error: Exception) -> None:
    """Write the traceback of an internal error to standard error, printable; nothing for other errors."""
    if _is_internal(error):
        for line in "".join(traceback.format_exception(error)).splitlines():
            sys.stderr.write(printable(line) + "\n")


def _is_internal(error: Exception) -> bool:
    return exit_code_of(error) == ExitCode.INTERNAL and not isinstance(error, EgocleanError)
