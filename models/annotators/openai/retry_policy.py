"""The retry policy for requests to an OpenAI-compatible server."""

import logging
import time
from dataclasses import dataclass
from typing import Final

from models.annotators.openai.errors import is_away, may_pass, retry_after
from models.weights.retry_after import LONGEST_WAIT_S

TRIES: Final = 4
"""Requests for one segment to a server that is reachable but fails."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Outage:
    """Since when a server has been unreachable; all requests to it share one."""

    url: str
    wait_s: float
    """The longest time that is tolerated, in seconds."""
    since_s: float | None = None
    """On the monotonic clock; None while the server is reachable."""

    def note(self) -> bool:
        """Note that the server is unreachable; returns whether to keep waiting."""
        now_s = time.monotonic()
        if self.since_s is None:
            self.since_s = now_s
            _log.warning("%s does not respond: waiting for up to %.0f s", self.url, self.wait_s)
        return now_s - self.since_s < self.wait_s

    def end(self) -> None:
        """Note that the server is reachable."""
        self.since_s = None


class RetryPolicy:
    """Whether to repeat the request for a segment; a hook for ``stamina``."""

    def __init__(self, outage: Outage) -> None:
        self._outage = outage
        self._faults = 0

    def __call__(self, error: Exception) -> bool | float:
        """Returns whether to, or the seconds to wait before it, if the server names them."""
        if is_away(error):
            again = self._outage.note()
        else:
            self._outage.end()
            self._faults += 1
            again = may_pass(error) and self._faults < TRIES
        wait_s = retry_after(error)
        if not again or wait_s is None:
            return again
        return wait_s <= LONGEST_WAIT_S and wait_s
