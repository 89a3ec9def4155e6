"""Runs a chain of processes: starts them, watches over them, drains them in order, and reports how it ended."""

import time
from dataclasses import replace
from itertools import pairwise

import zmq

from stream.config import Options
from stream.errors import ExitCode, StageFailedError
from stream.pipeline.items import End, Item, WorkerExited
from stream.runtime.chain_run import ChainRun
from stream.runtime.channels import Channel, Sender
from stream.runtime.heartbeat import HeartbeatReceiver
from stream.runtime.process_spec import ProcessSpec, Requests
from stream.runtime.processes import processes
from stream.runtime.socket_folder import SocketFolder
from stream.runtime.worker_config import WorkerConfig
from stream.runtime.worker_pool import WorkerPool
from stream.runtime.worker_process import WorkerProcess

_POLL_MS = 100
_STATE_BYTES = 2**20
"""32 tokens of 1408 float64 numbers, the most that a V-JEPA 2 has, are 352 KiB."""
_WINDOW_BYTES = 1024
"""What the detector keeps of a window in its sketches, 512 bytes and a time, and twice that."""


class Supervisor:
    """Runs one chain to its end."""

    def __init__(self, chain: ChainRun, pool: WorkerPool) -> None:
        """``pool`` gives the processes, and takes them back."""
        self._chain = chain
        self._pool = pool
        self._options = chain.options
        self._stop = chain.stop
        self._observer = chain.observer
        self._status = chain.observer.status
        self._specs = processes(chain.options)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._sockets = SocketFolder()
        self._heartbeats = HeartbeatReceiver(self._context, self._sockets.endpoint("beats"))
        self._workers: list[WorkerProcess] = []
        self._most = chain.options.runtime.max_restarts
        self._restarted: set[str] = set()
        """Workers that were restarted alone."""
        self._restarts_left = {spec.name: self._most for spec in self._specs if spec.restarts_alone}
        self._answers: dict[str, Sender] = {}
        """By worker: the channel of its answers, over which its client is notified when it exits."""

    def run(self) -> ExitCode | None:
        """As of ``Engine.run``."""
        self._observer.begin(self._chain.checkpoint(), time.monotonic())
        try:
            self._workers = [self._started(spec, config) for spec, config in self._configs().items()]
            self._status.expect(worker.name for worker in self._workers)
            self._watch()
        finally:
            self._end_all()
        return self._stop.code

    def _watch(self) -> None:
        stopping = False
        while any(not worker.has_ended for worker in self._waited_for()):
            if self._stop.at_once:
                return
            if self._stop.signals and not stopping:
                stopping = True
                for worker in self._workers:
                    worker.stop()
            self._collect(_POLL_MS)
            self._observer.show(time.monotonic())
            self._check()
        self._check()
        self._observer.show(time.monotonic())

    def _waited_for(self) -> list[WorkerProcess]:
        """A stop does not wait for a model that computes: what it has not answered stays open work.

        A worker that was restarted when its client had all answers already has nobody to send anything to.
        """
        return [
            worker
            for worker in self._workers
            if (worker.spec.drains or not self._stop.signals)
            and not (worker.name in self._restarted and self._client_of(worker).has_ended)
        ]

    def _check(self) -> None:
        """Raise if a process has failed, or has been silent for too long; one that restarts alone is restarted."""
        for worker in tuple(self._workers):
            if (fault := self._fault(worker)) is None:
                continue
            has_worked = fault.transient or worker.name in self._status.ready_at
            if not (worker.spec.restarts_alone and has_worked):
                raise fault
            self._restart(worker, str(fault))

    def _fault(self, worker: WorkerProcess) -> StageFailedError | None:
        if worker.has_failed:
            self._collect(_POLL_MS)
            message, code = worker.failure(self._status.last.get(worker.name))
            return StageFailedError(message, code, worker.name, transient=worker.was_killed)
        silent_s = self._status.silences().get(worker.name, 0.0)
        patience_s = self._options.runtime.liveness_timeout_s + worker.spec.waits_s(self._options)
        if silent_s > patience_s and not worker.has_ended:
            message = f"the {worker.name} process has reported nothing for {silent_s:.0f} s: it hangs"
            return StageFailedError(message, ExitCode.INTERNAL, worker.name, transient=True)
        return None

    def _restart(self, worker: WorkerProcess, reason: str) -> None:
        """Start it again while the others run on. If it has died too often the chain continues without it."""
        self._workers.remove(worker)
        self._pool.take_back(worker)
        if self._stop.signals or self._client_of(worker).has_ended:
            return
        if self._restarts_left[worker.name]:
            self._restarts_left[worker.name] -= 1
            self._tell_client(worker, WorkerExited(worker.name, reason, restarts=True))
            self._status.begins(worker.name)
            self._restarted.add(worker.name)
            self._workers.append(self._started(worker.spec, worker.config))
        else:
            last = f"{reason}, and has been restarted as often as --max-restarts {self._most} allows"
            self._tell_client(worker, WorkerExited(worker.name, last, restarts=False), End("stopped", 0.0, 0))
            self._observer.monitor.does_without(worker.name)

    def _tell_client(self, worker: WorkerProcess, *items: Item) -> None:
        """Send items to the client of a worker in its place. A client that has ended needs none."""
        client = self._client_of(worker)
        if worker.config.outlet is None:
            raise RuntimeError(f"the {worker.name} process has no channel for its answers")
        if worker.name not in self._answers:
            self._answers[worker.name] = Sender(self._context, replace(worker.config.outlet, loose=True))
        answers = self._answers[worker.name]
        while not answers.takes_now():
            if client.has_ended or self._stop.signals:
                return
            self._collect(_POLL_MS)
        for item in items:
            answers.send(item, while_full=lambda: None)

    def _client_of(self, worker: WorkerProcess) -> WorkerProcess:
        """The worker before it, which sends it requests."""
        client = next(client for client, spec in pairwise(self._specs) if spec == worker.spec)
        return next(each for each in self._workers if each.spec == client)

    def _collect(self, timeout_ms: int) -> None:
        end_fds = [worker.end_fd for worker in self._workers]
        for heartbeat in self._heartbeats.receive(timeout_ms, [fd for fd in end_fds if fd is not None]):
            self._observer.on_heartbeat(heartbeat)

    def _end_all(self) -> None:
        for worker in self._workers:
            self._pool.take_back(worker)
        self._collect(0)
        for answers in self._answers.values():
            answers.close()
        self._heartbeats.close()
        self._context.term()
        self._sockets.remove()

    def _started(self, spec: ProcessSpec, config: WorkerConfig) -> WorkerProcess:
        log = self._chain.layout.logs / f"{spec.name}.log"
        return self._pool.assign(spec, config, log, self._chain.lock_fd)

    def _configs(self) -> dict[ProcessSpec, WorkerConfig]:
        """Each channel leads from a process to the next; one that has requests sends its answers back."""
        chain, endpoint = self._chain, self._sockets.endpoint
        inlets: list[Channel | None] = [None, *(self._channel_to(spec) for spec in self._specs[1:])]
        answers = [
            _answers_of(spec.requests, endpoint(f"answer{number}")) if spec.requests else None
            for number, spec in enumerate(self._specs)
        ]
        return {
            spec: WorkerConfig(
                process=spec.name,
                options=chain.options,
                run_dir=chain.layout.root,
                attempt=chain.attempt,
                state=chain.state,
                heartbeat_endpoint=endpoint("beats"),
                inlet=inlet,
                outlet=own_answers or next_inlet,
                back=next_answers,
            )
            for spec, inlet, own_answers, next_inlet, next_answers in zip(
                self._specs, inlets, answers, [*inlets[1:], None], [*answers[1:], None], strict=True
            )
        }

    def _channel_to(self, spec: ProcessSpec) -> Channel:
        """Large enough for a frame, a barrier and any keyframe: a JPEG has less than a byte a pixel of its square.

        The channel of requests takes all that may be unanswered, and ``End``.
        """
        endpoint = self._sockets.endpoint(spec.name)
        if spec.requests is not None:
            largest = spec.requests.request_bytes_max
            return Channel(endpoint, largest, 2 * largest * (spec.requests.open_max + 1), loose=True)
        options = self._options
        largest = max(3 * options.resolved.encoder_px**2, options.keyframes.px**2, _state_bytes(options)) + 4096
        return Channel(endpoint, largest, options.runtime.queue_mib * 1024 * 1024)


def _answers_of(requests: Requests, endpoint: str) -> Channel:
    return Channel(endpoint, requests.answer_bytes_max, 2 * requests.answer_bytes_max * requests.open_max)


def _state_bytes(options: Options) -> int:
    """More than the states of all processes take: the detector's grow with its options, and with one embedding."""
    detector = options.detector
    windows = detector.period_windows + 3 * detector.max_segment_s / options.window.stride_s
    return _STATE_BYTES + int(windows * _WINDOW_BYTES)
