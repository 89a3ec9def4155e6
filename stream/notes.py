"""Lines for the user from the depths, where no view is known: the loggers below ``stream``, and where they lead."""

import logging
from collections.abc import Callable


class _Teller(logging.Handler):
    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(record.getMessage())


def tell_notes(tell: Callable[[str], None]) -> None:
    """Hand every line that this process logs below ``stream`` to ``tell``, perhaps from several threads."""
    logger = logging.getLogger("stream")
    logger.setLevel(logging.INFO)
    logger.handlers = [_Teller(tell)]
