"""How long an OpenAI-compatible server is borne with."""

import logging
import time
from dataclasses import dataclass
from typing import Final

from models.annotators.openai.errors import asked_wait_s, is_away, may_pass
from models.weights.retry_after import LONGEST_WAIT_S

TRIES: Final = 4
"""How often one segment is asked for, where the server is there but fails."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Absence:
    """Since when nobody has been at a server's address; all its requests share one."""

    url: str
    wait_s: float
    """How long it may last."""
    since_s: float | None = None
    """On the monotonic clock; None while somebody is there."""

    def bear(self) -> bool:
        """Note that nobody is there; whether to wait on."""
        now_s = time.monotonic()
        if self.since_s is None:
            self.since_s = now_s
            _log.warning("nobody answers at %s: waiting for up to %.0f s", self.url, self.wait_s)
        return now_s - self.since_s < self.wait_s

    def end(self) -> None:
        """Note that somebody is there."""
        self.since_s = None


class Patience:
    """Whether to ask once more for one segment: a hook for ``stamina``."""

    def __init__(self, absence: Absence) -> None:
        self._absence = absence
        self._faults = 0

    def __call__(self, error: Exception) -> bool | float:
        """Whether to; the seconds to wait before, where the server names them."""
        if is_away(error):
            again = self._absence.bear()
        else:
            self._absence.end()
            self._faults += 1
            again = may_pass(error) and self._faults < TRIES
        wait_s = asked_wait_s(error)
        if not again or wait_s is None:
            return again
        return wait_s <= LONGEST_WAIT_S and wait_s
