"""How often a chain may be started again: a budget, which is full again when the run has come further."""

import math
from typing import Final

from stream.errors import ExitCode, StageFailedError

FURTHER_S: Final = 30.0
"""Of the stream: so much behind the failure that the budget began with, it is full again."""


class Restarts:
    """One for a run. What is spent is for failures at about one place: a camera that runs for months meets others."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most
        self._full_at_s = self._fault_at_s = -math.inf

    def allow(self, error: StageFailedError, reached_s: float) -> bool:
        """Whether the chain may be started again, behind a state at ``reached_s`` of the stream.

        A process that was killed or hung may do better, and so may one that met a fault, of a disk or of a GPU; but a
        fault that comes again before anything new was saved would come for ever.
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
