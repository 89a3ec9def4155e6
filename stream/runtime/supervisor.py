"""Starts the chain, watches over it, drains it in order, and says truthfully how it ended."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

import zmq

from stream.annotation.queue import OUTSTANDING_MAX
from stream.config import Options
from stream.errors import ExitCode, StageFailedError
from stream.monitoring.monitor import Monitor
from stream.pipeline.codec import HEADER_BYTES_MAX
from stream.pipeline.items import End, Item, WorkerExited
from stream.records.follow import Follower
from stream.records.schema.layout import RunLayout
from stream.records.store.checkpoint import read_state
from stream.runtime.channels import Channel, Sender
from stream.runtime.child import Child
from stream.runtime.heartbeat import Board
from stream.runtime.processes import ANNOTATE, PROCESSES, processes
from stream.runtime.socket_folder import SocketFolder
from stream.runtime.worker import WorkerConfig
from stream.ui.view import View

DRAIN_S = 6.0
"""After a signal: time for what is under way to be recorded before the rest is ended."""
_POLL_MS = 100
_STATE_BYTES = 2**20
"""32 tokens of 1408 float64 numbers, the most that a V-JEPA 2 has, are 352 KiB."""
_WINDOW_BYTES = 1024
"""What the detector keeps of a window in its sketches, 512 bytes and a time, and twice that."""


class Stopped:
    """Which signals have arrived."""

    def __init__(self) -> None:
        self.signals: list[int] = []
        self.at = 0.0

    def __call__(self, number: int, _: FrameType | None) -> None:
        self.at = self.at or time.monotonic()
        self.signals.append(number)

    @property
    def code(self) -> ExitCode | None:
        """The exit code that the first signal asks for."""
        if not self.signals:
            return None
        return ExitCode.SIGINT if self.signals[0] == signal.SIGINT else ExitCode.SIGTERM

    @property
    def at_once(self) -> bool:
        """A second signal, or the time to drain is over."""
        return len(self.signals) > 1 or bool(self.signals and time.monotonic() - self.at > DRAIN_S)


@contextmanager
def signals_caught(stopped: Stopped) -> Iterator[None]:
    """SIGINT and SIGTERM are noted instead of acted on."""
    before = {number: signal.signal(number, stopped) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Supervisor:
    """Runs one chain to its end."""

    def __init__(
        self,
        options: Options,
        layout: RunLayout,
        view: View,
        outside: Monitor,
        duration_s: float | None,
        lock_fd: int,
    ) -> None:
        """``lock_fd`` holds the run's lock, which every process of the chain inherits."""
        self._options = options
        self._layout = layout
        self._view = view
        self._outside = outside
        self._duration_s = duration_s
        self._lock_fd = lock_fd
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._sockets = SocketFolder()
        self.board = Board(self._context, self._sockets.endpoint("status"))
        self._children: list[Child] = []
        self._annotators_left = options.runtime.max_restarts
        self._to_record: Sender | None = None
        """The way of the annotator's answers, where it has died."""
        self._began_at = time.monotonic()

    def run(self, stopped: Stopped, attempt: int, state: Path | None, since: int = 0) -> ExitCode | None:
        """Run the chain until its source is exhausted, or until a signal has drained it.

        Args:
            stopped: Where signals are noted.
            attempt: Its number: a process of an older one may not write any more.
            state: The file with the states to go on from; None: from the clip's start.
            since: The first event to show.

        Returns:
            None at the source's end, else the exit code of the signal.

        Raises:
            StageFailedError: if a process ended before its work did; all others are ended, too.
        """
        self._stopped = stopped
        self._events = Follower(self._layout.events, since)
        saved = read_state(state) if state else None
        self._since_s = saved.t_s if saved else 0.0
        self._outside.begin(self._since_s, saved.totals.windows if saved else 0)
        try:
            self._children = [
                Child(order, self._log(order.process), self._lock_fd) for order in self._orders(attempt, state)
            ]
            self.board.expect(child.name for child in self._children)
            self._watch()
        finally:
            self._end_all()
        return stopped.code

    def _watch(self) -> None:
        told = False
        while any(child.code is None for child in self._waited_for()):
            if self._stopped.at_once:
                return
            if self._stopped.signals and not told:
                told = True
                for child in self._children:
                    child.stop()
            self._collect(_POLL_MS)
            self._show()
            self._check()
        self._check()
        self._show()

    def _waited_for(self) -> list[Child]:
        """A model that is thinking holds up no stop: what it has not answered stays open work."""
        return [child for child in self._children if child.name != ANNOTATE or not self._stopped.signals]

    def _check(self) -> None:
        """Raise if a process has failed, or has been silent for too long. The annotator's place is taken by another."""
        for child in tuple(self._children):
            if (fault := self._fault(child)) is None:
                continue
            if child.name != ANNOTATE or not (fault.transient or ANNOTATE in self.board.ready_at):
                raise fault
            self._replace(child, str(fault))

    def _fault(self, child: Child) -> StageFailedError | None:
        if child.code:
            self._collect(_POLL_MS)
            message, code = child.failure(self.board.last.get(child.name))
            return StageFailedError(message, code, child.name, transient=child.was_killed)
        silent_s = self.board.silences().get(child.name, 0.0)
        server = self._options.annotator
        waits_s = server.connect_timeout_s + server.request_timeout_s if child.name == ANNOTATE else 0.0
        if child.code is None and silent_s > self._options.runtime.liveness_timeout_s + waits_s:
            message = f"the {child.name} process has said nothing for {silent_s:.0f} s: it hangs"
            return StageFailedError(message, ExitCode.INTERNAL, child.name, transient=True)
        return None

    def _replace(self, annotator: Child, reason: str) -> None:
        """Start it again, it alone: nobody waits for it. When it has died too often the chain goes on without."""
        self._children.remove(annotator)
        annotator.kill()
        annotator.close()
        if self._stopped.signals:
            return
        if self._annotators_left:
            self._annotators_left -= 1
            self._tell_record(WorkerExited(ANNOTATE, reason, restarts=True))
            self.board.begins(ANNOTATE)
            self._children.append(Child(annotator.order, annotator.log, self._lock_fd))
        else:
            most = self._options.runtime.max_restarts
            last = f"{reason}, and has been started again as often as --max-restarts {most} allows"
            self._tell_record(WorkerExited(ANNOTATE, last, restarts=False), End("stopped", 0.0, 0))
            self._outside.does_without(ANNOTATE)

    def _tell_record(self, *items: Item) -> None:
        """What has become of the annotator. A record that has ended needs no telling."""
        self._to_record = to = self._to_record or Sender(self._context, replace(self._answers_hop(), loose=True))
        record = next(child for child in self._children if child.name == PROCESSES[-1])
        while not to.takes_now():
            if record.code is not None or self._stopped.signals:
                return
            self._collect(_POLL_MS)
        for item in items:
            to.send(item, while_full=lambda: None)

    def _show(self) -> None:
        if (ingest := self.board.last.get("ingest")) is not None:
            speed = max(0.0, ingest.t_s - self._since_s) / (time.monotonic() - self._began_at)
            self._view.progress(ingest.t_s, self._duration_s, speed)
        for event, _ in self._events.poll():
            self._view.event(event)
            self._outside.on_event(event)
        self._outside.tick()

    def _collect(self, timeout_ms: int) -> None:
        for status in self.board.collect(timeout_ms):
            self._outside.on_status(status)
            if status.note:
                self._view.note(status.note)

    def _end_all(self) -> None:
        for child in self._children:
            if child.code is None:
                child.kill()
            child.close()
        self._collect(0)
        if self._to_record is not None:
            self._to_record.close()
        self.board.close()
        self._events.close()
        self._context.term()
        self._sockets.remove()

    def _orders(self, attempt: int, state: Path | None) -> list[WorkerConfig]:
        """Each hop leads from a process to the next; the last process may answer the one before it."""
        names = processes(self._options)
        hops = [self._orders_hop() if name == ANNOTATE else self._hop(name) for name in names[1:]]
        answers = self._answers_hop() if ANNOTATE in names else None
        return [
            WorkerConfig(
                process=process,
                options=self._options,
                run_dir=self._layout.root,
                attempt=attempt,
                state=state,
                status_endpoint=self._sockets.endpoint("status"),
                inlet=inlet,
                outlet=outlet,
                back=answers if process == PROCESSES[-1] else None,
                announces=process == ANNOTATE,
            )
            for process, inlet, outlet in zip(names, [None, *hops], [*hops, answers], strict=True)
        ]

    def _hop(self, to: str) -> Channel:
        """Large enough for a frame, a barrier and any keyframe: a JPEG has less than a byte a pixel of its square."""
        options = self._options
        largest = max(3 * options.resolved.encoder_px**2, options.keyframes.px**2, _state_bytes(options)) + 4096
        return Channel(self._sockets.endpoint(to), largest, options.runtime.queue_mib * 1024 * 1024)

    def _orders_hop(self) -> Channel:
        """It takes all that may wait for an answer, and ``End``."""
        largest = 4096
        return Channel(self._sockets.endpoint(ANNOTATE), largest, 2 * largest * (OUTSTANDING_MAX + 1), loose=True)

    def _answers_hop(self) -> Channel:
        largest = HEADER_BYTES_MAX
        return Channel(self._sockets.endpoint("answers"), largest, 2 * largest * OUTSTANDING_MAX)

    def _log(self, process: str) -> Path:
        return self._layout.logs / f"{process}.log"


def _state_bytes(options: Options) -> int:
    """More than the states of all processes take: the detector's grow with its options, and with one embedding."""
    detector = options.detector
    windows = detector.period_windows + 3 * detector.max_segment_s / options.window.stride_s
    return _STATE_BYTES + int(windows * _WINDOW_BYTES)
