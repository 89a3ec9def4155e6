"""Whether a run moves: judged by the work that its processes do, not by whether they are alive."""

import time
from collections.abc import Callable
from itertools import pairwise

from stream.chain import PROCESSES
from stream.records.health import State
from stream.status import Status

GRACE_S = 600.0
"""For starting: a large model is hashed and loaded before its process can do anything."""


class Progress:
    """Follows the statuses of one chain.

    A process has stalled when work waits for it and it has done none for ``stall_s``: it has taken no item although
    its predecessor has handed on more, or, at the head of the chain, has read nothing. A process that waits because
    its successor is behind has not: the successor is the one that is named.
    """

    def __init__(self, stall_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._stall_s = stall_s
        self._clock = clock
        self.begin()

    def begin(self) -> None:
        """A chain begins, with new processes."""
        self._began_at = self._clock()
        self._last: dict[str, Status] = {}
        self._moved_at: dict[str, float] = {}

    def on_status(self, status: Status) -> None:
        before = self._last.get(status.process)
        self._last[status.process] = status
        if before is None or _work(before) != _work(status):
            self._moved_at[status.process] = self._clock()

    @property
    def decoded_s(self) -> float:
        """Stream time of the last frame that was decoded."""
        return self._last["ingest"].t_s if "ingest" in self._last else 0.0

    @property
    def windows(self) -> int:
        """Windows embedded by this chain."""
        return self._last["encode"].given.get("Embedding", 0) if "encode" in self._last else 0

    def judge(self) -> tuple[State, str]:
        """How the chain is, and why if it has stalled."""
        now = self._clock()
        if starting := [name for name in PROCESSES if self._is_starting(name)]:
            if now - self._began_at <= max(GRACE_S, self._stall_s):
                return "starting", ""
            return "stalled", f"the {starting[0]} process is not ready after {now - self._began_at:.0f} s"
        for upstream, name in reversed([(None, PROCESSES[0]), *pairwise(PROCESSES)]):
            still_s = now - self._moved_at[name]
            if still_s > self._stall_s and self._has_work(upstream, name):
                return "stalled", f"the {name} process has done nothing for {still_s:.0f} s, {self._place(name)}"
        return "running", ""

    def _is_starting(self, name: str) -> bool:
        return name not in self._last or self._last[name].state == "starting"

    def _has_work(self, upstream: str | None, name: str) -> bool:
        last = self._last[name]
        if last.state != "running":
            return False
        return upstream is None or sum(self._last[upstream].given.values()) > last.items

    def _place(self, name: str) -> str:
        last = self._last[name]
        return f"after {last.items} items, at {last.t_s:.1f} s of the source"


def _work(status: Status) -> tuple[object, ...]:
    return status.state, status.items, status.given
