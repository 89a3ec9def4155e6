"""The loop of a worker: it feeds the stages of one process, which know neither sockets nor heartbeats."""

import threading
import time

from stream.errors import EgocleanError
from stream.pipeline.items import Barrier, EncoderFrame, End, EndReason, Item, Timed
from stream.pipeline.source import PacketSource
from stream.pipeline.stage import feed
from stream.pipeline.state import packed_states
from stream.runtime.channels import Receiver, Sender, first_waiting
from stream.runtime.heartbeat import Reporter, WorkerState
from stream.runtime.process_spec import Work

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
                    self.send(Barrier(item.t_s, packed_states(self._stage.snapshot())))
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
