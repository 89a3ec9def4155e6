"""Detects stalls: a run is judged by the work that gets done, not by whether its processes are alive."""

import math
import time
from collections.abc import Callable, Mapping

from stream.records.schema.health import HealthState
from stream.runtime.heartbeat import Heartbeat

GRACE_S = 600.0
"""Time to start: a process hashes and loads its model first, which may be large."""


class StallDetector:
    """Follows the statuses of one chain. The chain has stalled when, for ``stall_s``,

    - a running process has reported no work: a process that waits (for work, for the clock, for the next process)
      reports that twice a second, so the others wait for the silent one. A process with patience may take longer as
      long as it sends statuses; or
    - all processes report and none has done anything.

    A live source may be disconnected for up to ``away_s``.
    """

    def __init__(
        self,
        stall_s: float,
        patience_s: Mapping[str, float],
        clock: Callable[[], float] = time.monotonic,
        away_s: float = math.inf,
    ) -> None:
        """``patience_s``: of each process, by name, how long one piece of work may take, if longer than ``stall_s``."""
        self._stall_s = stall_s
        self._away_s = away_s
        self._patience_s = patience_s
        self._clock = clock
        self.begin()

    def begin(self, since_s: float = 0.0, windows: int = 0) -> None:
        """Watch a chain of new processes, which begins after so many seconds and windows."""
        self._processes = list(self._patience_s)
        self._since_s = since_s
        self._windows_before = windows
        self._began_at = self._moved_at = self._clock()
        self._last: dict[str, Heartbeat] = {}
        self._heard_at: dict[str, float] = {}
        self._worked_at: dict[str, float] = {}
        self._started_at: dict[str, float] = {}
        self._away = ""
        self._away_since = self._began_at

    def does_without(self, process: str) -> None:
        """Stop watching this process: the chain continues without it."""
        self._processes = [name for name in self._processes if name != process]
        self._last.pop(process, None)
        self._worked_at.pop(process, None)

    def away(self, reason: str) -> None:
        """Note that a live source has disconnected for this reason, or, if empty, that it is back."""
        self._away = reason
        self._moved_at = self._away_since = self._clock()

    def on_heartbeat(self, status: Heartbeat) -> None:
        before = self._last.get(status.process)
        if before is not None and before.state != "starting" == status.state:
            self._started_at[status.process] = self._clock()  # restarted alone
        self._last[status.process] = status
        self._heard_at[status.process] = self._clock()
        self._worked_at[status.process] = self._clock() - status.busy_s
        if before is None or (before.state, before.items, before.items_out) != (
            status.state,
            status.items,
            status.items_out,
        ):
            self._moved_at = self._clock()

    @property
    def decoded_s(self) -> float:
        """Stream time of the last frame that was decoded."""
        return max([self._since_s, *(last.t_s for last in self._last.values())])

    @property
    def windows(self) -> int:
        """Windows embedded so far."""
        return self._windows_before + max(
            (last.items_out.get("Embedding", 0) for last in self._last.values()), default=0
        )

    def judge(self) -> tuple[HealthState, str]:
        """The chain's state, and the reason if it has stalled or waits for its source."""
        now = self._clock()
        if starting := [name for name in self._processes if self._is_starting(name)]:
            for_s = {name: now - self._started_at.get(name, self._began_at) for name in starting}
            slowest = max(starting, key=for_s.__getitem__)
            if for_s[slowest] <= max(GRACE_S, self._stall_s):
                return "starting", ""
            return "stalled", f"the {slowest} process is not ready after {for_s[slowest]:.0f} s"
        running = [name for name in self._processes if self._last[name].state == "running"]
        for name in sorted(running, key=self._worked_at.__getitem__):
            busy_s = now - self._worked_at[name]
            if now - self._heard_at[name] > self._stall_s or busy_s > max(self._stall_s, self._patience_s[name]):
                return "stalled", f"the {name} process has done nothing for {busy_s:.0f} s, {self._place(name)}"
        if self._away:
            return self._waiting(now - self._away_since)
        if running and (still_s := now - self._moved_at) > self._stall_s and not self._is_thinking(now):
            return "stalled", f"no process has done anything for {still_s:.0f} s, {self._place(self._processes[0])}"
        return "running", ""

    def _waiting(self, away_s: float) -> tuple[HealthState, str]:
        if away_s <= self._away_s:
            return "running", f"the source is away: {self._away}"
        return "stalled", f"the source has been away for {away_s:.0f} s: {self._away}"

    def _is_thinking(self, now: float) -> bool:
        """Whether the others may be waiting for a process with patience, which has been busy for about as long."""
        patient = [name for name in self._processes if self._patience_s[name] > self._stall_s]
        return any(now - self._worked_at.get(name, now) > self._stall_s / 2 for name in patient)

    def _is_starting(self, name: str) -> bool:
        return name not in self._last or self._last[name].state == "starting"

    def _place(self, name: str) -> str:
        last = self._last[name]
        return f"after {last.items} items, at {last.t_s:.1f} s of the source"
