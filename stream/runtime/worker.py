"""The worker: sockets, control, heartbeats and exit codes around the stages of one process, which know none of them.

It is started as ``python -m stream.runtime.worker``. Standard input is its control line, over which it gets a
``WorkerConfig`` for one run after another. If the line closes, the supervisor is gone, so the process ends at once and
leaves no orphan. Of a run that has ended it holds nothing: no lock, no log, no socket. Models stay loaded.
"""

import faulthandler
import gc
import os
import shutil
import signal
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import zmq

from stream.errors import EgocleanError, ExitCode, exit_code_of, sentence_of
from stream.pipeline.codec import pack
from stream.pipeline.items import Barrier, EncoderFrame, End, EndReason, Item, Timed, WorkerReady
from stream.pipeline.source import PacketSource
from stream.pipeline.stage import feed
from stream.records.schema.layout import RunLayout
from stream.records.store.checkpoint import read_checkpoint
from stream.runtime.channels import Receiver, Sender, first_waiting
from stream.runtime.control_line import Assignment, ControlListener
from stream.runtime.exit import exit_quickly
from stream.runtime.gpu_budget import limit_gpu
from stream.runtime.heartbeat import HeartbeatSender, Reporter, WorkerState, pulsing
from stream.runtime.loaded_models import LoadedModels
from stream.runtime.process_spec import Work
from stream.runtime.processes import PROCESSES
from stream.runtime.signals import STOP_SIGNALS
from stream.runtime.work import build
from stream.runtime.worker_config import WorkerConfig
from stream.sources.network import network
from stream.ui import standard_streams
from stream.ui.notes import forwarded_notes, print_traceback

HEARTBEAT_S = 0.5
_RECEIVE_S = 0.1


class Worker:
    """Feeds the stages of one process, and sends what they return to the next one."""

    def __init__(self, work: Work, outlet: Sender | None, stop: threading.Event, reporter: Reporter) -> None:
        """``stop`` is set when the source is to end early."""
        self._work = work
        self._stage = work.stage
        self._outlet = outlet
        self._stop = stop
        self._reporter = reporter
        self._heartbeat_at = 0.0
        self._send_began_at = reporter.ready_at = time.monotonic()
        self._began_at = self._send_began_at - (work.source.since_s if work.source else 0.0)
        self._due_s: float | None = None

    def run_source(self, source: PacketSource) -> None:
        """Send items until the source is exhausted, or until a stop, which leaves the rest for later."""
        reason: EndReason = "end_of_stream"
        if source.live and self._outlet is not None:
            self._outlet.wait_for_room(self.tick)  # a camera sends from the moment on that it is opened
        for packet in source.packets():
            self._take(packet)
            if self._stop.is_set():
                reason = "stopped"
                break
            self._notify()
            for item in self._stage.on_item(packet) if packet else ():
                if source.realtime and isinstance(item, Timed):
                    self._wait_until(item.t_s)
                self.send(item)
                if isinstance(item, EncoderFrame) and source.barriers.are_due(item):
                    self.send(Barrier(item.t_s, pack(self._stage.snapshot())))
            if source.live or source.realtime:
                self._flush()
        if reason == "end_of_stream":
            for item in self._stage.on_end():
                self.send(item)
        self.send(source.end(reason))
        self._flush()

    def run_stage(self, inlet: Receiver, back: Receiver | None) -> None:
        """Feed the stage with what arrives, until ``End`` has come from every receiver.

        Answers are always received, and first; items of the chain only when the stage is ready for them. A stop does
        not wait for answers after the chain's end, nor for the stage to be ready: items that come then are dropped,
        and come again when the run is resumed.
        """
        receivers = [inlet] if back is None else [back, inlet]
        drops = False
        while receivers and not (self._stop.is_set() and inlet not in receivers):
            # An answer may change what is due: that its process has exited, for one.
            has_answer = back is not None and back in receivers and back.has_item()
            wait_s = 0.0 if has_answer else self._notify()
            is_ready = self._stage.ready()
            drops |= self._stop.is_set() and not is_ready
            receiver = self._first_waiting([r for r in receivers if r is not inlet or is_ready or drops], wait_s)
            item = receiver.receive(0) if receiver else None
            if receiver is None or item is None:
                self.tick()
                continue
            self._take(item, receiver.waited_s)
            if receiver is not inlet or not drops:
                for result in feed(self._stage, item):
                    self.send(result)
            if isinstance(item, End):
                receiver.close()
                receivers.remove(receiver)
        self._flush()

    def send(self, item: Item) -> None:
        """Send an item, small ones together; wait while the next process is behind."""
        if self._outlet is None:
            raise EgocleanError(f"the last process of the chain returned a {type(item).__name__}, but no other follows")
        self._send_began_at = time.monotonic()
        self._outlet.collect(item, while_full=self._while_full)
        self._count_blocked()
        self._reporter.give(item)

    def _flush(self) -> None:
        """Send what was collected, since nothing may follow it soon."""
        if self._outlet is not None:
            self._send_began_at = time.monotonic()
            self._outlet.flush(while_full=self._while_full)
            self._count_blocked()

    def tick(self) -> None:
        """Send a heartbeat if one is due."""
        now = time.monotonic()
        if now >= self._heartbeat_at:
            self._heartbeat_at = now + HEARTBEAT_S
            self.report("running")

    def report(self, state: WorkerState) -> None:
        """Send a heartbeat with the facts and gauges of the work."""
        self._reporter.report(state, self._work.facts(), self._stage.gauges())

    def _take(self, item: Item | None, waited_s: float | None = None) -> None:
        """Count an item that has come in, and how long it waited in its channel."""
        self._reporter.queue_s = waited_s
        self._reporter.take(item)
        self.tick()

    def _notify(self) -> float:
        """Notify the stage if that is due and its items can be sent; returns the seconds to wait for an item."""
        if (self._outlet is not None and not self._outlet.takes_now()) or (at := self._stage.notify_at()) is None:
            return _RECEIVE_S
        if at <= (now := time.monotonic()):
            for item in self._stage.on_notify(now):
                self.send(item)
            return 0.0
        return min(_RECEIVE_S, at - now)

    def _first_waiting(self, receivers: list[Receiver], wait_s: float) -> Receiver | None:
        """The first receiver with an item, or None if none comes in time; the wait counts as idle."""
        if not any(receiver.has_opened for receiver in receivers):
            self._flush()
        began_at = time.monotonic()
        receiver = first_waiting(receivers, wait_s)
        self._reporter.idle_s += time.monotonic() - began_at
        return receiver

    def _while_full(self) -> None:
        self._count_blocked()
        self.tick()

    def _count_blocked(self) -> None:
        now = time.monotonic()
        self._reporter.blocked_s += now - self._send_began_at
        self._send_began_at = now
        if self._due_s is not None:
            self._reporter.lag_s = max(0.0, now - self._began_at - self._due_s)

    def _wait_until(self, t_s: float) -> None:
        """Wait until the clock has reached stream time ``t_s``, or for a stop."""
        self._due_s = t_s
        self._reporter.arrival = t_s, self._began_at + t_s
        while not self._stop.is_set() and (left_s := t_s - (time.monotonic() - self._began_at)) > 0:
            self._stop.wait(min(left_s, HEARTBEAT_S))
            self.tick()


def serve(
    config: WorkerConfig,
    context: zmq.Context[zmq.Socket[bytes]],
    stop: threading.Event,
    reporter: Reporter,
    models: LoadedModels,
) -> None:
    """Build the stages of this process and run them to the end; what is sent has been received when this returns."""
    spec, layout = PROCESSES[config.process], RunLayout(config.run_dir, config.run_dir.name)
    with ExitStack() as stack:
        checkpoint = read_checkpoint(config.state) if config.state else None
        limit_gpu(config.options, spec)
        work = build(spec, config.options, layout, config.attempt, checkpoint, models)
        stack.callback(work.stage.close)
        outlet = stack.enter_context(Sender(context, config.outlet)) if config.outlet else None
        worker = Worker(work, outlet, stop, reporter)
        worker.tick()
        if spec.restarts_alone:
            worker.send(WorkerReady(spec.name))
        if work.source is not None:
            worker.run_source(work.source)
        elif config.inlet is not None:
            back = stack.enter_context(Receiver(context, config.back)) if config.back else None
            inlet = stack.enter_context(Receiver(context, config.inlet))
            reporter.queue_items = lambda: inlet.waiting
            worker.run_stage(inlet, back)
        worker.report("done")
        if outlet is not None:
            outlet.wait_until_taken()


def work_on(config: WorkerConfig, stop: threading.Event, models: LoadedModels, cpu_before_s: float) -> int:
    """Do the part of this process in one run; returns the exit code. ``cpu_before_s`` was used for earlier runs."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    heartbeats = HeartbeatSender(context, config.heartbeat_endpoint)
    reporter = Reporter(config.process, heartbeats.send, cpu_before_s)
    code = int(ExitCode.DONE)
    with forwarded_notes(reporter.note, config.process):
        reporter.report("starting", {}, {})
        try:
            with network(offline=config.options.runtime.offline), pulsing(reporter.pulse):
                serve(config, context, stop, reporter, models)
        except Exception as error:  # noqa: BLE001 - the way out of the process: the supervisor reports every error
            code = exit_code_of(error)
            print_traceback(error)
            reporter.fail(sentence_of(error), code)
    heartbeats.close()
    context.term()
    return code


def _begin(assignment: Assignment, control: ControlListener) -> WorkerConfig:
    """Take over the log of a run; the descriptors that remain open are its lock and those of its source."""
    _, log, *of_source = assignment.descriptors
    standard_streams.redirect_messages(log)
    os.close(log)
    config = WorkerConfig.model_validate_json(assignment.content)
    sockets = Path(config.heartbeat_endpoint.removeprefix("ipc://")).parent
    control.at_end = lambda: _exit_orphaned(sockets)
    return config.with_source_descriptors(of_source)


def _end(assignment: Assignment, control: ControlListener) -> None:
    """Let go of a run, its lock last."""
    control.at_end = _exit_idle
    standard_streams.redirect_messages(None)
    lock, _, *of_source = assignment.descriptors
    for descriptor in (*of_source, lock):
        os.close(descriptor)


def _collect_garbage() -> None:
    """Free what the stages of a run hold in cycles. What remains is not searched again, which makes this cheap."""
    gc.collect()
    gc.freeze()


def _exit_orphaned(sockets: Path) -> None:
    """Exit at once, and remove the sockets, which the supervisor no longer can."""
    shutil.rmtree(sockets, ignore_errors=True)
    os._exit(ExitCode.INTERNAL)


def _exit_idle() -> None:
    os._exit(ExitCode.DONE)


def main() -> None:
    """Entry of a worker's process."""
    exit_quickly()
    faulthandler.enable()
    standard_streams.install()
    sys.stdout = sys.stderr  # both are the log, and a full disk does not fail what only prints
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # the supervisor gets them, and drains the chain in order
    control = ControlListener(_exit_idle)
    control.start()
    models, cpu_before_s = LoadedModels(), 0.0
    while (assignment := control.next_assignment()) is not None:
        config = _begin(assignment, control)
        code = work_on(config, assignment.stop, models, cpu_before_s)
        if code or not config.is_reusable:
            sys.exit(code)
        _collect_garbage()
        _end(assignment, control)
        cpu_before_s = time.process_time()
        control.report_done()


if __name__ == "__main__":
    main()
