"""One attempt at a run: the engine's inputs, the observer that it reports to, and the budget for further attempts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from stream.config import Options
from stream.errors import ExitCode, StageFailedError
from stream.monitoring.monitor import Monitor
from stream.records.follower import Follower
from stream.records.schema.layout import RunLayout
from stream.records.store.checkpoint import SavedCheckpoint, read_checkpoint
from stream.runtime.heartbeat import ChainStatus, Heartbeat
from stream.runtime.signals import StopRequest
from stream.ui.view import View


class Observer:
    """Shows the progress and the events of a chain, and passes them and all heartbeats to the monitor."""

    def __init__(
        self, layout: RunLayout, view: View, monitor: Monitor, duration_s: float | None, first_event: int
    ) -> None:
        """``duration_s`` of the clip, if it is known; events are shown from the number ``first_event`` on."""
        self.status = ChainStatus()
        self.monitor = monitor
        self._view = view
        self._duration_s = duration_s
        self._events = Follower(layout.events, first_event)
        self._since_s = self._began_at = 0.0

    def begin(self, checkpoint: SavedCheckpoint | None, now_s: float) -> None:
        """A chain begins at ``now_s`` of the monotonic clock, from a saved state or from the start of its source."""
        self._began_at = now_s
        self._since_s = checkpoint.t_s if checkpoint else 0.0
        self.monitor.begin(self._since_s, checkpoint.totals.windows if checkpoint else 0)

    def on_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Take a heartbeat."""
        self.status.add(heartbeat)
        self.monitor.on_heartbeat(heartbeat)
        if heartbeat.note:
            self._view.note(heartbeat.note)

    def show(self, now_s: float) -> None:
        """Show how far the chain is, and the events since the last call."""
        if self.status.last:
            speed = max(0.0, self.status.t_s - self._since_s) / max(now_s - self._began_at, 1e-3)
            self._view.progress(self.status.t_s, self._duration_s, speed)
        for event, _ in self._events.poll():
            self._view.event(event)
            self.monitor.on_event(event)
        self.monitor.tick()

    def close(self) -> None:
        self._events.close()


@dataclass(frozen=True, slots=True)
class ChainRun:
    """One attempt at a run."""

    options: Options
    layout: RunLayout
    attempt: int
    """Number of the attempt; processes of an older one may not write any more."""
    state: Path | None
    """The file with the states to continue from; None: from the start of the source."""
    lock_fd: int
    """Holds the run's lock; every process that writes to the run directory is given it."""
    stop: StopRequest
    """Records the signals that have come."""
    observer: Observer

    def checkpoint(self) -> SavedCheckpoint | None:
        """The state to continue from."""
        return read_checkpoint(self.state) if self.state else None


class Engine(Protocol):
    """Runs one chain after another. The same clip gives the same bytes with every engine."""

    def patience_s(self, options: Options) -> Mapping[str, float]:
        """The processes that report to the observer, each with its patience as of ``StallDetector``."""
        ...

    def run(self, chain: ChainRun) -> ExitCode | None:
        """Run the chain until its source is exhausted, or until a signal has drained it.

        Returns:
            None at the source's end, else the exit code of the signal.

        Raises:
            StageFailedError: a process ended before its work did; all others are ended, too.
        """
        ...

    def close(self) -> None:
        """End the processes and release the models that wait for another run."""
        ...


FURTHER_S: Final = 30.0
"""Progress in stream time, past the failure that opened the budget, after which it is refilled."""


class Restarts:
    """The restart budget of one run, refilled when the run has made progress, since a camera may run for months."""

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
