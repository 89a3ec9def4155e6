"""The retry policy for requests to an OpenAI-compatible server."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from models.annotators.openai.errors import is_away, is_busy, may_pass, retry_after
from models.weights.retry_after import LONGEST_WAIT_S

TRIES: Final = 4
"""Requests for one segment to a server that is reachable but fails."""
_SHORTEST_WAIT_S: Final = 0.1
"""A server that says 0 gets time to mend, too."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Outage:
    """Since when a server has been unreachable or busy; all requests to it share one."""

    place: str
    """The server's address, for messages."""
    wait_s: float
    """The longest time that is tolerated, in seconds."""
    now: Callable[[], float] = time.monotonic
    since_s: float | None = None
    """On that clock; None while the server answers."""

    def note(self, *, is_busy: bool) -> float:
        """Note that the server does not answer; returns the seconds for which to keep waiting."""
        now_s = self.now()
        if self.since_s is None:
            self.since_s = now_s
            why = "has too many requests" if is_busy else "does not respond"
            _log.warning("%s %s: waiting for up to %.0f s", self.place, why, self.wait_s)
        return self.wait_s - (now_s - self.since_s)

    def end(self) -> None:
        """Note that the server answers."""
        self.since_s = None


class RetryPolicy:
    """Whether to repeat the request for a segment; a hook for ``stamina``."""

    def __init__(self, outage: Outage, gives_up: Callable[[Exception], bool] = lambda _: False) -> None:
        """``gives_up`` tells errors after which it is pointless to repeat the request as it is."""
        self._outage = outage
        self._gives_up = gives_up
        self._faults = 0

    def __call__(self, error: Exception) -> bool | float:
        """Returns whether to, or the seconds to wait before it, if the server names them."""
        wait_s = retry_after(error)
        if self._gives_up(error):
            return False
        if is_away(error) or is_busy(error):
            left_s = self._outage.note(is_busy=is_busy(error))
            again = left_s > 0 and (wait_s is None or wait_s <= left_s)
        else:
            self._outage.end()
            self._faults += 1
            again = may_pass(error) and self._faults < TRIES and (wait_s is None or wait_s <= LONGEST_WAIT_S)
        return again if wait_s is None or not again else max(wait_s, _SHORTEST_WAIT_S)
