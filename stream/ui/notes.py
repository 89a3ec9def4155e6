"""Lines for the user from the depths, where no view is known: the project's loggers, and where they lead.

``logging.getLogger(__name__).warning(text, extra={"segment_id": ...})`` is how any part says something.
"""

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Level: TypeAlias = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Note:
    """Something to say that is no event."""

    text: str
    level: Level = "info"
    process: str | None = None
    """Of the chain; None: the one that the user started."""
    segment_id: str | None = None
    """Of the segment that it is about."""
    trace: str | None = None
    """Where a fault of ours arose."""


class _Teller(logging.Handler):
    def __init__(self, tell: Callable[[Note], None], process: str | None) -> None:
        super().__init__(logging.INFO)
        self._tell = tell
        self._process = process

    def emit(self, record: logging.LogRecord) -> None:
        segment_id = getattr(record, "segment_id", None)
        trace = "".join(traceback.format_exception(record.exc_info[1])) if record.exc_info else None
        self._tell(Note(record.getMessage(), _level(record.levelno), self._process, segment_id, trace))


def tell_notes(tell: Callable[[Note], None], process: str | None = None) -> None:
    """Hand all that the project's loggers say in this process to ``tell``, perhaps from several threads."""
    for name in ("stream", "models"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.handlers = [_Teller(tell, process)]


def _level(number: int) -> Level:
    if number >= logging.ERROR:
        return "error"
    return "warning" if number >= logging.WARNING else "info"
