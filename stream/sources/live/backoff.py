"""Exponential backoff between attempts to reach a camera."""

import random
import time
from collections.abc import Callable

FIRST_S = 0.5
LONGEST_S = 30.0
_SHORTEST_S = 0.001


class Backoff:
    """Waits that double from ``FIRST_S`` to ``LONGEST_S``, each shortened at random by up to a half.

    The randomness keeps many programs that lost one camera at once from reconnecting at once.
    """

    def __init__(
        self,
        budget_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Set up.

        Args:
            budget_s: How long to try, from the first failure on.
            clock: The monotonic clock, seconds.
            wait: Sleeps for a number of seconds; returns True to end the attempts, as ``threading.Event.wait`` does.
            chance: A random number in [0, 1).
        """
        self._budget_s = budget_s
        self._clock = clock
        self._wait = wait
        self._chance = chance
        self.reset()

    def reset(self) -> None:
        """An attempt succeeded: the next failure counts as the first."""
        self._since: float | None = None
        self._next_s = FIRST_S

    def wait(self) -> bool:
        """Wait before the next attempt; return False if there is to be none."""
        now = self._clock()
        if self._since is None:
            self._since = now
        left_s = self._budget_s - (now - self._since)
        if left_s < _SHORTEST_S:
            return False
        is_over = self._wait(min(left_s, self._next_s * (1 - self._chance() / 2)))
        self._next_s = min(LONGEST_S, 2 * self._next_s)
        return not is_over
