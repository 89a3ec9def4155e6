"""How long to wait before the next attempt to reach a camera."""

import random
import time
from collections.abc import Callable

FIRST_S = 0.5
LONGEST_S = 30.0
_SHORTEST_S = 0.001


class Backoff:
    """Waits that double from ``FIRST_S`` to ``LONGEST_S``, each shortened by up to a half at random.

    So that many programs that lost one camera at one instant do not come back all at once. ``wait`` waits so many
    seconds.
    """

    def __init__(
        self,
        budget_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """``budget_s``: for how long to try, from the first failure on."""
        self._budget_s = budget_s
        self._clock = clock
        self._wait = wait
        self._chance = chance
        self.reset()

    def reset(self) -> None:
        """All is well again: the next failure is a first one."""
        self._since: float | None = None
        self._next_s = FIRST_S

    def wait(self) -> bool:
        """Wait before the next attempt; False if the budget leaves none."""
        now = self._clock()
        if self._since is None:
            self._since = now
        left_s = self._budget_s - (now - self._since)
        if left_s < _SHORTEST_S:
            return False
        self._wait(min(left_s, self._next_s * (1 - self._chance() / 2)))
        self._next_s = min(LONGEST_S, 2 * self._next_s)
        return True
