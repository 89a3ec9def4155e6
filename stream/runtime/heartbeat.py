"""Heartbeats, in which a process reports that it is working, its position, and why it ended; and the chain's status."""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

import psutil
import zmq

from stream.pipeline.codec import Codec
from stream.pipeline.items import Arrived, Item, Packet, Timed
from stream.pipeline.stage import Gauges, StageFacts
from stream.ui.notes import Note

PULSE_S = 1.0
"""Seconds between two heartbeats from the pulse."""

WorkerState: TypeAlias = Literal["starting", "running", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One heartbeat."""

    process: str
    state: WorkerState
    t_s: float = 0.0
    """Stream time of the last item seen."""
    items: int = 0
    """Items taken so far."""
    items_out: dict[str, int] = field(default_factory=dict)
    """Items sent on so far, by kind."""
    blocked_s: float = 0.0
    """Time spent sending items: nearly all of it waiting for a next process that is behind."""
    queue_s: float | None = None
    """Time that the last item waited in the channel to this process; None if it has no channel."""
    queue_items: int | None = None
    """Items that wait in the channel to this process; None if it has none."""
    gauges: dict[str, float] = field(default_factory=dict)
    """Current amounts that the process holds, by name, for the metrics."""
    idle_s: float = 0.0
    """Time spent waiting for an item to come."""
    up_s: float = 0.0
    """Time since the process was ready; what of it was neither blocked nor idle was work."""
    busy_s: float = 0.0
    """Age of the last heartbeat from the work itself, not from the pulse: how long one piece of work takes."""
    lag_s: float | None = None
    """Time since the current item came from a camera, or was due in real time; None for other sources."""
    arrival: tuple[float, float] | None = None
    """Stream time of the last frame, and when it arrived, or was due, on the monotonic clock."""
    rss_bytes: int = 0
    cpu_s: float = 0.0
    """User and system time of the process for this run so far, its start-up included if it was started for it."""
    message: str = ""
    """A sentence for the user, if the state is ``failed``."""
    note: Note | None = None
    """A message for the user, sent once."""
    exit_code: int = 0
    facts: StageFacts = field(default_factory=dict)
    """Facts about the process's work for ``run.json``, as far as they are known."""


_CODEC: Final = Codec(Heartbeat, nested=[Note], header_bytes_max=16 * 2**20)
"""The header holds all of a heartbeat: facts, and the traceback of a fault."""


class Reporter:
    """Makes the heartbeats of one process, and hands them to ``send``."""

    def __init__(self, process: str, send: Callable[[Heartbeat], None], cpu_before_s: float = 0.0) -> None:
        """``cpu_before_s``: CPU time that the process had used before this work."""
        self.process: Final = process
        self._send = send
        self._cpu_before_s = cpu_before_s
        self._system = psutil.Process()
        self._state: WorkerState = "starting"
        self._reported_at = time.monotonic()
        self.t_s = 0.0
        self.items = 0
        self.items_out: Counter[str] = Counter()
        self.blocked_s = 0.0
        self.queue_s: float | None = None
        self.queue_items: Callable[[], int | None] = lambda: None
        self._gauges: Gauges = {}
        self.idle_s = 0.0
        self.ready_at: float | None = None
        """On the monotonic clock; None until the process is ready to work."""
        self.lag_s: float | None = None
        self.arrival: tuple[float, float] | None = None

    def take(self, item: Item | None) -> None:
        """Count an item that has come in, if one has, and note where in the stream it is."""
        self.items += item is not None
        if isinstance(item, Timed):
            self.t_s = item.t_s
        if isinstance(item, Arrived) and item.arrived_at is not None:
            self.lag_s = max(0.0, time.monotonic() - item.arrived_at)
            if not isinstance(item, Packet):
                self.arrival = item.t_s, item.arrived_at

    def give(self, item: Item) -> None:
        """Count an item that goes out."""
        if isinstance(item, Timed):
            self.t_s = item.t_s
        self.items_out[type(item).__name__] += 1

    def note(self, note: Note) -> None:
        """Report something to the user now; from any thread."""
        self._send(self._now(note=note))

    def report(self, state: WorkerState, facts: StageFacts, gauges: Gauges) -> None:
        """Send a heartbeat from the process's own work."""
        self._state, self._gauges, self._reported_at = state, gauges, time.monotonic()
        self._send(self._now(facts=facts))

    def pulse(self) -> None:
        """Report that the process is alive, even while its work blocks; from any thread."""
        self._send(self._now())

    def fail(self, message: str, exit_code: int) -> None:
        """Report why the process ends."""
        self._state = "failed"
        self._send(self._now(message=message, exit_code=exit_code))

    def _now(self, **more: Any) -> Heartbeat:  # noqa: ANN401 - fields of a heartbeat
        return Heartbeat(
            process=self.process,
            state=self._state,
            t_s=self.t_s,
            items=self.items,
            items_out=dict(self.items_out),
            blocked_s=self.blocked_s,
            queue_s=self.queue_s,
            queue_items=self.queue_items(),
            gauges=self._gauges,
            idle_s=self.idle_s,
            busy_s=time.monotonic() - self._reported_at,
            up_s=0.0 if self.ready_at is None else time.monotonic() - self.ready_at,
            lag_s=self.lag_s,
            arrival=self.arrival,
            rss_bytes=self._system.memory_info().rss,
            cpu_s=time.process_time() - self._cpu_before_s,
            **more,
        )


@contextmanager
def pulsing(pulse: Callable[[], None]) -> Iterator[None]:
    """Call ``pulse`` every ``PULSE_S`` in a thread, also while the stages compute for minutes."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(PULSE_S):
            pulse()

    thread = threading.Thread(target=run, name="pulse", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class HeartbeatSender:
    """Sends heartbeats to the supervisor; from any thread. It never blocks while the process runs."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], endpoint: str) -> None:
        self._socket = context.socket(zmq.PUSH)
        self._socket.setsockopt(zmq.LINGER, 2000)
        self._socket.connect(endpoint)
        self._lock = threading.Lock()

    def send(self, heartbeat: Heartbeat) -> None:
        """Send one; if there is no room for it, it is dropped: the next one reports the same and more."""
        flags = zmq.NOBLOCK if heartbeat.state == "running" else 0
        with self._lock, suppress(zmq.Again):
            self._socket.send_multipart(_CODEC.encode(heartbeat), flags)

    def close(self) -> None:
        self._socket.close()


class HeartbeatReceiver:
    """Receives the heartbeats of all processes, in the supervisor."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], endpoint: str) -> None:
        self._socket = context.socket(zmq.PULL)
        self._socket.bind(endpoint)

    def receive(self, timeout_ms: int, others: Iterable[int] = ()) -> list[Heartbeat]:
        """All that have arrived, waiting up to ``timeout_ms`` for the first, or until one of ``others`` is readable."""
        poller = zmq.Poller()
        for descriptor in (self._socket, *others):
            poller.register(descriptor, zmq.POLLIN)
        poller.poll(timeout_ms)
        received: list[Heartbeat] = []
        while self._socket.poll(0, zmq.POLLIN):
            received.append(_CODEC.decode(self._socket.recv_multipart()))
        return received

    def close(self) -> None:
        self._socket.close(linger=0)


class ChainStatus:
    """The last heartbeat of every process of a chain, and all facts so far."""

    def __init__(self) -> None:
        self.last: dict[str, Heartbeat] = {}
        self.facts: dict[str, StageFacts] = {}
        self.rss_bytes_max: dict[str, int] = {}
        self.ready_at: dict[str, float] = {}
        """When each process first reported to be ready, on the monotonic clock."""
        self.ready_cpu_s: dict[str, float] = {}
        """CPU time that each process had used by then."""
        self._heard_at: dict[str, float] = {}

    def add(self, heartbeat: Heartbeat) -> None:
        """Take one heartbeat."""
        name = heartbeat.process
        self.last[name] = heartbeat
        self._heard_at[name] = time.monotonic()
        if heartbeat.state in ("running", "done"):
            self.ready_at.setdefault(name, self._heard_at[name])
            self.ready_cpu_s.setdefault(name, heartbeat.cpu_s)
        self.rss_bytes_max[name] = max(self.rss_bytes_max.get(name, 0), heartbeat.rss_bytes)
        self.facts.setdefault(name, {}).update(heartbeat.facts)

    def section(self, name: str) -> dict[str, Any]:
        """One section of the facts, of all processes together; empty if none has it."""
        return {key: value for facts in self.facts.values() for key, value in facts.get(name, {}).items()}

    @property
    def t_s(self) -> float:
        """Stream time of the process that is furthest: the one that decodes."""
        return max((last.t_s for last in self.last.values()), default=0.0)

    def begins(self, process: str) -> None:
        """Note that a process is started again: heartbeats of the one before it are no sign of life."""
        self.last[process] = Heartbeat(process, "starting")
        self._heard_at[process] = time.monotonic()

    def expect(self, processes: Iterable[str]) -> None:
        """Note that these have been started: from now on their silence counts."""
        self._heard_at = dict.fromkeys(processes, time.monotonic()) | self._heard_at

    def silences(self) -> dict[str, float]:
        """Seconds since the work of each unfinished process last reported, or since the process was started."""
        now = time.monotonic()
        busy_s = {name: last.busy_s for name, last in self.last.items()}
        done = {name for name, last in self.last.items() if last.state == "done"}
        return {name: now - at + busy_s.get(name, 0.0) for name, at in self._heard_at.items() if name not in done}

    def flowing_s(self) -> float:
        """Seconds from when the last process was ready, its model loaded, to the last heartbeat of any."""
        if not self.ready_at:
            return 0.0
        return max(0.0, max(self._heard_at.values()) - self.flows_from)

    @property
    def flows_from(self) -> float:
        """Time at which the last process became ready, on the monotonic clock; infinity until then."""
        return max(self.ready_at.values(), default=math.inf)
