"""The inline engine: the whole chain in this process and thread, without a socket or a child.

It drives the same stages with the same barriers and events as the local engine, so the run directory holds the same
bytes, and a run that one of them began can be resumed by the other. It is for tests, for debuggers, and for
programs that manage their own processes, such as a cluster's workers. While the annotator answers, nothing else is
done, except that a thread reports that the process is alive.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Final

from threadpoolctl import ThreadpoolController

from stream.config import Options
from stream.errors import EgocleanError, ExitCode, StageFailedError, exit_code_of, sentence_of
from stream.pipeline.items import Barrier, EncoderFrame, End, EndReason, Item, Timed, WorkerExited, WorkerReady
from stream.pipeline.source import PacketSource
from stream.pipeline.stage import Gauges, StageFacts, feed
from stream.pipeline.state import packed_states
from stream.records.store.checkpoint import SavedCheckpoint
from stream.runtime.chain_run import ChainRun, Observer
from stream.runtime.gpu_budget import limit_gpu
from stream.runtime.heartbeat import Heartbeat, Reporter, WorkerState, pulsing
from stream.runtime.loaded_models import LoadedModels
from stream.runtime.process_spec import ProcessSpec, Work
from stream.runtime.processes import processes
from stream.runtime.work import build
from stream.ui.notes import forwarded_notes, print_traceback

NAME: Final = "inline"
"""Name of the one process in heartbeats and records."""
_BEAT_S: Final = 0.5
_WAIT_S: Final = 0.05
"""Longest sleep, and so the longest delay of a signal."""


class InlineEngine:
    """Runs the whole chain in this process."""

    def __init__(self) -> None:
        self._models = LoadedModels()

    def close(self) -> None:
        self._models.clear()

    def patience_s(self, options: Options) -> Mapping[str, float]:
        return {NAME: max(spec.patience_s for spec in processes(options))}

    def run(self, chain: ChainRun) -> ExitCode | None:
        observer = _LockedObserver(chain.observer)
        reporter = Reporter(NAME, observer.on_heartbeat)
        try:
            with (
                forwarded_notes(reporter.note, NAME),
                pulsing(lambda: observer.pulse(reporter)),
                chain.stop.interrupting(),
                _numpy_on_one_thread(),
                ExitStack() as closing,
            ):
                _InlineChain(chain, observer, reporter, closing, self._models).run()
        except KeyboardInterrupt:
            if not chain.stop.signals:
                raise
        except Exception as error:
            print_traceback(error)
            self._models.clear()
            raise StageFailedError(sentence_of(error), exit_code_of(error), NAME, transient=False) from error
        finally:
            chain.observer.show(time.monotonic())
        return chain.stop.code


def _numpy_on_one_thread() -> AbstractContextManager[object]:
    """Threads as in the table of processes, since sums on more threads differ in their last bits."""
    limit: AbstractContextManager[object] = ThreadpoolController().select(internal_api="openblas").limit(limits=1)
    return limit


class _LockedObserver:
    """The chain's observer, shared with the pulse: while a call blocks, the health file is still written."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._lock = threading.RLock()
        """Reentrant, since showing an event may log a note."""

    def begin(self, checkpoint: SavedCheckpoint | None) -> None:
        with self._lock:
            self._observer.begin(checkpoint, time.monotonic())

    def on_heartbeat(self, heartbeat: Heartbeat) -> None:
        with self._lock:
            self._observer.on_heartbeat(heartbeat)

    def show(self, now_s: float) -> None:
        with self._lock:
            self._observer.show(now_s)

    def pulse(self, reporter: Reporter) -> None:
        """Report that the process is alive; in the thread of the pulse, which shows no events."""
        with self._lock:
            reporter.pulse()
            self._observer.monitor.tick()


class _InlineChain:
    """One chain as a list of works: items that one returns are passed to the next at once."""

    def __init__(
        self,
        chain: ChainRun,
        observer: _LockedObserver,
        reporter: Reporter,
        closing: ExitStack,
        models: LoadedModels,
    ) -> None:
        self._chain = chain
        self._models = models
        self._stop = chain.stop
        self._observer = observer
        self._reporter = reporter
        self._closing = closing
        self._specs = processes(chain.options)
        self._works: list[Work] = []
        self._counts: list[Counter[str]] = [Counter() for _ in self._specs]
        """By row, how many items of each kind it has returned."""
        self._most = chain.options.runtime.max_restarts
        self._restarts_left = {spec.name: self._most for spec in self._specs if spec.restarts_alone}
        self._unanswered = {row for row, spec in enumerate(self._specs) if spec.requests}
        """Rows that have not returned ``End`` yet."""
        self._gone: set[int] = set()
        """Rows that have died too often."""
        self._beat_at = self._began_at = 0.0

    def run(self) -> None:
        """Play the source to its end, or until a signal."""
        self._observer.begin(self._chain.checkpoint())
        self._reporter.report("starting", {}, {})
        limit_gpu(self._chain.options, *self._specs)
        self._works = [self._built(spec) for spec in self._specs]
        self._reporter.ready_at = time.monotonic()
        self._report("running")
        for row, spec in enumerate(self._specs):
            if spec.restarts_alone:
                self._give(row - 1, WorkerReady(spec.name))
        source = self._works[0].source
        if source is None:
            raise EgocleanError(f"the {self._specs[0].name} process begins the chain, but has no source")
        self._began_at = time.monotonic() - source.since_s
        self._play(source)
        while self._unanswered and not self._stop.signals:
            self._wait(self._notify())
        self._report("done")

    def _built(self, spec: ProcessSpec) -> Work:
        chain = self._chain
        work = build(spec, chain.options, chain.layout, chain.attempt, chain.checkpoint(), self._models)
        self._closing.callback(work.stage.close)
        return work

    def _play(self, source: PacketSource) -> None:
        """Read the source until it is exhausted or a signal comes; a resumed run reads the rest."""
        stage = self._works[0].stage
        reason: EndReason = "end_of_stream"
        for packet in source.packets():
            self._reporter.take(packet)
            self._tick()
            if self._stop.signals:
                reason = "stopped"
                break
            self._notify()
            for item in stage.on_item(packet) if packet else ():
                if source.realtime and isinstance(item, Timed):
                    self._wait_until(item.t_s)
                self._route(0, item)
                if isinstance(item, EncoderFrame) and source.barriers.are_due(item):
                    self._route(0, Barrier(item.t_s, packed_states(stage.snapshot())))
        if reason == "end_of_stream":
            self._drain(0, stage.on_end())
        self._route(0, source.end(reason))

    def _route(self, row: int, item: Item) -> None:
        """Pass an item of a row to the next row, or to the previous one if the row answers requests."""
        kind, counts = type(item).__name__, self._counts[row]
        counts[kind] += 1
        if counts[kind] > self._reporter.items_out[kind]:  # an item that passes several rows counts once
            self._reporter.give(item)
        self._tick()
        if self._specs[row].requests is not None:
            if isinstance(item, End):
                self._unanswered.discard(row)
            self._give(row - 1, item)
        elif row + 1 == len(self._specs):
            raise EgocleanError(f"the last process of the chain returned a {type(item).__name__}, but no other follows")
        elif row + 1 not in self._gone and self._is_ready(row + 1):
            self._give(row + 1, item)

    def _give(self, row: int, item: Item) -> None:
        self._drain(row, feed(self._works[row].stage, item))

    def _drain(self, row: int, items: Iterable[Item]) -> None:
        """Pass on all items that a row returns; a row that restarts alone is rebuilt if it fails."""
        returned = iter(items)
        while True:
            try:
                item = next(returned, None)
            except Exception as error:
                if not self._specs[row].restarts_alone:
                    raise
                self._restart(row, error)
                return
            if item is None:
                return
            self._route(row, item)

    def _restart(self, row: int, error: Exception) -> None:
        """Build a row again. If it has failed too often the chain continues without it."""
        spec, reason = self._specs[row], sentence_of(error)
        print_traceback(error)
        while self._restarts_left[spec.name]:
            self._restarts_left[spec.name] -= 1
            self._give(row - 1, WorkerExited(spec.name, reason, restarts=True))
            self._works[row].stage.close()
            self._models.clear()
            try:
                self._works[row] = self._built(spec)
            except Exception as again:  # noqa: BLE001 - as above
                reason = sentence_of(again)
                continue
            self._give(row - 1, WorkerReady(spec.name))
            return
        self._gone.add(row)
        self._unanswered.discard(row)
        last = f"{reason}, and has been restarted as often as --max-restarts {self._most} allows"
        self._give(row - 1, WorkerExited(spec.name, last, restarts=False))

    def _is_ready(self, row: int) -> bool:
        """Wait until a row can take an item of the chain; False if a signal has come first: it is left for later."""
        stage = self._works[row].stage
        while not stage.ready():
            if self._stop.signals:
                return False
            self._wait(self._notify(row))
        return True

    def _notify(self, first_row: int = 0) -> float:
        """Notify the rows that are due, from ``first_row`` on; returns the seconds until the next one is.

        Rows before ``first_row`` wait for it to take an item, so nothing that comes after that may leave them.
        """
        wait_s = _WAIT_S
        for row in range(first_row, len(self._works)):
            stage = self._works[row].stage
            if row in self._gone or row + 1 in self._gone or (at := stage.notify_at()) is None:
                continue
            if at <= (now := time.monotonic()):
                due = stage.on_notify(now)
                # Answers go out as they come; requests are collected first, for their answers change what is due.
                self._drain(row, due if self._specs[row].requests else list(due))
                wait_s = 0.0
            else:
                wait_s = min(wait_s, at - now)
        return wait_s

    def _wait_until(self, t_s: float) -> None:
        """Wait until the clock has reached stream time ``t_s``, or for a signal."""
        self._reporter.arrival = t_s, self._began_at + t_s
        self._reporter.lag_s = max(0.0, time.monotonic() - self._began_at - t_s)
        while not self._stop.signals and (left_s := t_s - (time.monotonic() - self._began_at)) > 0:
            self._wait(min(left_s, self._notify()))

    def _wait(self, for_s: float) -> None:
        began_at = time.monotonic()
        time.sleep(for_s)
        self._reporter.idle_s += time.monotonic() - began_at
        self._tick()

    def _tick(self) -> None:
        """Report and show the progress, if that is due."""
        if self._stop.at_once:
            raise KeyboardInterrupt
        if (now := time.monotonic()) >= self._beat_at:
            self._beat_at = now + _BEAT_S
            self._report("running")
            self._observer.show(now)

    def _report(self, state: WorkerState) -> None:
        facts: StageFacts = {}
        gauges: Gauges = {}
        for work in self._works:
            for section, values in work.facts().items():
                facts[section] = {**facts.get(section, {}), **values}
            gauges |= work.stage.gauges()
        self._reporter.report(state, facts, gauges)
