"""One process of the chain: sockets, control, heartbeats and exit codes around stages that know none of them.

Started by the supervisor as ``python -m stream.runtime.worker``. The first line of standard input is its
``WorkerConfig``; after that the input is the line of control: ``stop`` asks the source to end early, and its closing
means that the supervisor is gone, so the process ends at once and leaves no orphan.
"""

import faulthandler
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from io import FileIO
from pathlib import Path

import zmq
from pydantic import BaseModel

from stream.config import Options
from stream.errors import EgocleanError, ExitCode, exit_code_of, sentence_of
from stream.pipeline.codec import pack
from stream.pipeline.items import Barrier, EncoderFrame, End, EndReason, Item, Timed, WorkerReady
from stream.pipeline.source import PacketSource
from stream.pipeline.stage import Stage, feed
from stream.pipeline.state import with_states
from stream.records.schema.layout import RunLayout
from stream.records.store.checkpoint import read_checkpoint
from stream.runtime.channels import Channel, Receiver, Sender, first_waiting
from stream.runtime.gpu_budget import limit_gpu
from stream.runtime.heartbeat import Reporter, State, StatusSender
from stream.runtime.process_spec import Work
from stream.runtime.processes import PROCESSES
from stream.runtime.work import build
from stream.ui.notes import forward_notes, print_traceback

HEARTBEAT_S = 0.5
PULSE_S = 1.0
_RECEIVE_S = 0.1


class WorkerConfig(BaseModel):
    """Everything a process needs to know, in one line of JSON."""

    process: str
    options: Options
    run_dir: Path
    attempt: int
    """At the run: a process of an older one may not write any more."""
    state: Path | None
    """The file with the states from which the run goes on; None: from the clip's start."""
    status_endpoint: str
    inlet: Channel | None
    """From the process before it."""
    outlet: Channel | None
    back: Channel | None = None
    """From the process after it, where that one answers."""


class Control(threading.Thread):
    """Listens to the supervisor, also while the stage computes or a socket waits."""

    def __init__(self, line_in: FileIO, order: WorkerConfig) -> None:
        super().__init__(name="control", daemon=True)
        self.stop = threading.Event()
        self._line_in = line_in
        self._sockets = Path(order.status_endpoint.removeprefix("ipc://")).parent

    def run(self) -> None:
        """Note ``stop``; at end of file leave at once, and leave no sockets: nobody is left to do it."""
        for line in self._line_in:
            if line.strip() == b"stop":
                self.stop.set()
        shutil.rmtree(self._sockets, ignore_errors=True)
        os._exit(ExitCode.INTERNAL)


class WorkerPort:
    """What connects a piece of work with the world: its outlet, the control line and the heartbeat."""

    def __init__(self, work: Work, outlet: Sender | None, control: Control, reporter: Reporter) -> None:
        self._work = work
        self._outlet = outlet
        self._control = control
        self._reporter = reporter
        self._beat_at = 0.0
        self._offered_at = reporter.ready_at = time.monotonic()
        self._began_at = self._offered_at - (work.source.since_s if work.source else 0.0)
        self._due_s: float | None = None

    @property
    def stopping(self) -> bool:
        """Whether the supervisor has asked the source to end."""
        return self._control.stop.is_set()

    def take(self, item: Item | None, waited_s: float | None = None) -> None:
        """Note an item that has come in, and how long it had waited to; or that there was none for a while."""
        self._reporter.queue_s = waited_s
        self._reporter.take(item)
        self.tick()

    def idle(self, since: float) -> None:
        """Note that nothing has come in since that time of the monotonic clock."""
        self._reporter.idle_s += time.monotonic() - since

    def tick(self) -> None:
        """Tell the supervisor how things are, when it is time to."""
        now = time.monotonic()
        if now >= self._beat_at:
            self._beat_at = now + HEARTBEAT_S
            self.report("running")

    def report(self, state: State) -> None:
        """Send a heartbeat with the facts and gauges of the work."""
        self._reporter.report(state, self._work.facts(), self._work.stage.gauges())

    def send(self, item: Item) -> None:
        """Hand an item on, a barrier with the states of this process, waiting while the next one is behind."""
        if isinstance(item, Barrier):
            item = replace(item, states=with_states(item.states, self._work.stage.snapshot()))
        if self._outlet is None:
            raise EgocleanError(f"the last process of the chain gave a {type(item).__name__}, but nobody follows it")
        self._offered_at = time.monotonic()
        self._outlet.send(item, while_full=self._wait)
        self._note_waiting()
        self._reporter.give(item)

    def notify(self) -> float:
        """Notify the stage if that is due and its items can be sent; returns how long to wait for the next item, s."""
        if (self._outlet is not None and not self._outlet.takes_now()) or (at := self._work.stage.notify_at()) is None:
            return _RECEIVE_S
        if at <= (now := time.monotonic()):
            for item in self._work.stage.on_notify(now):
                self.send(item)
            return 0.0
        return min(_RECEIVE_S, at - now)

    def wait_for_next(self) -> None:
        """Wait until the next process is there: a camera sends from the moment on that it is asked to."""
        if self._outlet is not None:
            self._outlet.wait_for_room(self.tick)

    def _wait(self) -> None:
        """The next process is behind."""
        self._note_waiting()
        self.tick()

    def _note_waiting(self) -> None:
        now = time.monotonic()
        self._reporter.blocked_s += now - self._offered_at
        self._offered_at = now
        if self._due_s is not None:
            self._reporter.lag_s = max(0.0, now - self._began_at - self._due_s)

    def wait_until(self, t_s: float) -> None:
        """Wait until the clock has reached stream time ``t_s``, or until told to stop."""
        self._due_s = t_s
        self._reporter.arrival = t_s, self._began_at + t_s
        while not self.stopping and (left_s := t_s - (time.monotonic() - self._began_at)) > 0:
            self._control.stop.wait(min(left_s, HEARTBEAT_S))
            self.tick()


def run_source(source: PacketSource, stage: Stage, port: WorkerPort) -> None:
    """Make items until the source is exhausted or the supervisor says stop; the latter leaves the rest for later."""
    reason: EndReason = "end_of_stream"
    if source.live:
        port.wait_for_next()
    for packet in source.packets():
        port.take(packet)
        if port.stopping:
            reason = "stopped"
            break
        port.notify()
        for item in stage.on_item(packet) if packet else ():
            if source.realtime and isinstance(item, Timed):
                port.wait_until(item.t_s)
            port.send(item)
            if isinstance(item, EncoderFrame) and source.barriers.are_due(item):
                port.send(Barrier(item.t_s, pack({})))
    if reason == "end_of_stream":
        for item in stage.on_end():
            port.send(item)
    port.send(source.end(reason))


def run_stage(stage: Stage, inlet: Receiver, back: Receiver | None, port: WorkerPort) -> None:
    """Feed the stage with what arrives, until ``End`` has come in by every inlet.

    What comes back is always taken, and first; what comes along the chain, when the stage is ready for it. A run that
    is stopped does not wait for what would come back after the chain's end, nor for the stage to be ready: what comes
    then is left for the day when it goes on.
    """
    listened = [inlet] if back is None else [back, inlet]
    is_leaving = False
    while listened and not (port.stopping and inlet not in listened):
        is_answered = back in listened and back is not None and back.has_item()  # it may say that no one is asked now
        wait_s = 0.0 if is_answered else port.notify()
        asked_at = time.monotonic()
        is_open = stage.ready()
        is_leaving |= port.stopping and not is_open
        waiting = first_waiting([each for each in listened if each is not inlet or is_open or is_leaving], wait_s)
        item = waiting.receive(0) if waiting else None
        port.idle(since=asked_at)
        if waiting is None or item is None:
            port.tick()
            continue
        port.take(item, waiting.waited_s)
        for given in feed(stage, item) if waiting is not inlet or not is_leaving else ():
            port.send(given)
        if isinstance(item, End):
            waiting.close()
            listened.remove(waiting)


def serve(order: WorkerConfig, context: zmq.Context[zmq.Socket[bytes]], control: Control, reporter: Reporter) -> None:
    """Build the work of this process and do it to its end; what is sent has been taken when this returns."""
    with ExitStack() as stack:
        saved = read_checkpoint(order.state) if order.state else None
        spec = PROCESSES[order.process]
        limit_gpu(order.options, spec)
        work = build(spec, order.options, RunLayout(order.run_dir, order.run_dir.name), order.attempt, saved)
        stack.callback(work.stage.close)
        outlet = stack.enter_context(Sender(context, order.outlet)) if order.outlet else None
        port = WorkerPort(work, outlet, control, reporter)
        port.tick()
        if spec.restarts_alone:
            port.send(WorkerReady(spec.name))
        if work.source is not None:
            run_source(work.source, work.stage, port)
        elif order.inlet is not None:
            back = stack.enter_context(Receiver(context, order.back)) if order.back else None
            inlet = stack.enter_context(Receiver(context, order.inlet))
            reporter.queue_items = lambda: inlet.waiting
            run_stage(work.stage, inlet, back, port)
        port.report("done")
        if outlet is not None:
            outlet.wait_until_taken()


@contextmanager
def pulsing(reporter: Reporter) -> Iterator[None]:
    """Let a thread say that the process lives, also while its work computes for minutes."""
    over = threading.Event()

    def pulse() -> None:
        while not over.wait(PULSE_S):
            reporter.pulse()

    thread = threading.Thread(target=pulse, name="pulse", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def main() -> None:
    """Entry of a child process."""
    faulthandler.enable()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the supervisor gets them, and drains the chain in order
    line_in = FileIO(sys.stdin.fileno(), closefd=False)  # unbuffered: a thread holds no lock of it at exit
    order = WorkerConfig.model_validate_json(line_in.readline())
    control = Control(line_in, order)
    control.start()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    statuses = StatusSender(context, order.status_endpoint)
    reporter = Reporter(order.process, statuses.send)
    forward_notes(reporter.note, order.process)
    reporter.report("starting", {}, {})
    code = int(ExitCode.DONE)
    try:
        with pulsing(reporter):
            serve(order, context, control, reporter)
    except Exception as error:  # noqa: BLE001 - the way out of the process: every error is told to the supervisor
        code = exit_code_of(error)
        print_traceback(error)
        reporter.fail(sentence_of(error), code)
    statuses.close()
    context.term()
    sys.exit(code)


if __name__ == "__main__":
    main()
