"""What an engine is given to run a chain, and what it reports to."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stream.config import Options
from stream.errors import ExitCode
from stream.monitoring.monitor import Monitor
from stream.records.follow import Follower
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

    def begin(self, saved: SavedCheckpoint | None, now_s: float) -> None:
        """A chain begins at ``now_s`` of the monotonic clock, from a saved state or from the start of its source."""
        self._began_at = now_s
        self._since_s = saved.t_s if saved else 0.0
        self.monitor.begin(self._since_s, saved.totals.windows if saved else 0)

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
    """Its number: processes of an older one may not write any more."""
    state: Path | None
    """The file with the states to continue from; None: from the start of the source."""
    lock_fd: int
    """Holds the run's lock; every process that writes to the run directory inherits it."""
    stop: StopRequest
    """Where signals are noted."""
    observer: Observer

    def saved(self) -> SavedCheckpoint | None:
        """The state to continue from."""
        return read_checkpoint(self.state) if self.state else None


class Engine(Protocol):
    """Runs a chain: where, is its own business; the same clip gives the same bytes by each."""

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
