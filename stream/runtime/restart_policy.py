"""How often a chain may be restarted: a budget, which is refilled when the run has made progress."""

import math
from typing import Final

from stream.errors import ExitCode, StageFailedError

FURTHER_S: Final = 30.0
"""Progress, in stream time behind the failure that opened the budget, that refills it."""


class Restarts:
    """The restart budget of one run. It counts failures at about one place, since a camera may run for months."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most
        self._full_at_s = self._fault_at_s = -math.inf

    def allow(self, error: StageFailedError, reached_s: float) -> bool:
        """Whether the chain may be restarted from a state at ``reached_s`` of the stream.

        A process that was killed or hung may succeed next time, and so may one that met a fault of a disk or a GPU. But
        a fault that occurs again before anything new was saved would occur every time.
        """
        if error.code != ExitCode.INTERNAL:
            return False
        if reached_s >= self._full_at_s + FURTHER_S:
            self._left, self._full_at_s = self._most, reached_s
        self._left -= 1
        if error.transient:
            return self._left >= 0
        is_new, self._fault_at_s = reached_s > self._fault_at_s, reached_s
        return is_new and self._left >= 0
