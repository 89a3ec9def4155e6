"""A run in numbers, for Prometheus: what the statuses and events that the supervisor reads add up to.

Which process is too slow: the first one that is not blocked, ``egoclean_process_blocked_seconds``. What waits before
it, ``egoclean_process_queue_items``, is as of its last word, half a second ago at most.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from threading import Lock
from typing import Final

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from stream.records.latencies import closing_s, opening_s
from stream.records.schema import events
from stream.runtime.heartbeat import Status

_LATENCY_BUCKETS_S: Final = (0.5, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 60)
"""Around what a debounce of three windows, one a second and 2.1 s long, makes of an edge."""
_ANNOTATION_BUCKETS_S: Final = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
"""From a fast server with time to spare to a queue of an hour's segments."""


class Metrics(Collector):
    """All metrics of one run, in a registry of their own.

    Counters begin anew when the chain is started again, as they do when a run goes on in a new process; but the cost is
    that of all attempts.
    """

    def __init__(self, price_per_hour: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.registry = CollectorRegistry()
        self._price_per_hour = price_per_hour
        self._clock = clock
        self._run_began_at = clock()
        self._spent_dollars = 0.0
        self._lock = Lock()  # the supervisor tells, the server's threads ask
        self._opened: Counter[tuple[str, ...]] = Counter()
        self._closed: Counter[tuple[str, ...]] = Counter()
        self._settled: Counter[tuple[str, ...]] = Counter()
        self._restarts: Counter[tuple[str, ...]] = Counter()
        self._unsettled: dict[str, tuple[str, float]] = {}
        """Of closed segments without an outcome, the kind, and when that was heard."""
        self._tokens: Counter[tuple[str, ...]] = Counter()
        self._annotation_s = self._annotation_dollars = 0.0
        self._damaged_s = 0.0
        self._is_away = False
        """Whether a live source is sought."""
        self._gaps = 0
        self._gap_s = 0.0
        self._windows_skipped = self._packets_dropped = 0
        self._packets_lost = 0
        self._opening = self._histogram("opening", "Stream time from its start to when it was known")
        self._closing = self._histogram("closing", "Stream time from its end to when it was known")
        self._opening_wall = self._histogram("opening_wall", "From its first picture's arrival to its event on disk")
        self._closing_wall = self._histogram("closing_wall", "From its end's arrival to its event on disk")
        self._annotation = self._histogram("annotation", "From its closing to its description", _ANNOTATION_BUCKETS_S)
        self.begin()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)  # of the supervisor itself

    def begin(self, since_s: float = 0.0) -> None:
        """A chain begins, with new processes, behind so many seconds of the source."""
        with self._lock:
            self._since_s = since_s
            self._chain_began_at = self._clock()
            self._last: dict[str, Status] = {}

    def spent(self, dollars: float) -> None:
        """What earlier attempts at the run have cost."""
        with self._lock:
            self._spent_dollars = dollars

    def on_status(self, status: Status) -> None:
        with self._lock:
            self._last[status.process] = status

    def on_event(self, event: events.Event) -> None:
        with self._lock:
            match event:
                case events.SegmentOpened():
                    self._opened[event.kind,] += 1
                    if (took_s := opening_s(event)) is not None:
                        self._opening.labels(event.kind).observe(took_s)
                case events.SegmentClosed():
                    self._closed[event.kind, event.closed_by] += 1
                    if (took_s := closing_s(event)) is not None:
                        self._closing.labels(event.kind).observe(took_s)
                    self._unsettled[event.segment_id] = event.kind, self._clock()
                case events.SegmentAnnotated() | events.SegmentFailed() | events.SegmentSkipped():
                    self._settle(event)
                case events.SourceDamaged():
                    self._damaged_s += event.t_end_s - event.t_start_s
                    self._packets_lost += event.packets
                case events.SourceLost() | events.SourceGap() | events.StreamOverload():
                    self._of_source(event)
                case events.StageRestarted():
                    self._restarts[event.process,] += 1

    def on_wall_latency(self, event: events.SegmentOpened | events.SegmentClosed, took_s: float) -> None:
        """How long after the arrival of its edge's picture an event was on disk."""
        with self._lock:
            which = self._opening_wall if isinstance(event, events.SegmentOpened) else self._closing_wall
            which.labels(event.kind).observe(took_s)

    def collect(self) -> Iterable[Metric]:
        """The present values; called by the registry at every scrape."""
        with self._lock:
            parts = (
                self._of_the_run(), self._of_a_live_source(), self._of_segments(), self._of_annotation(),
                self._of_processes(),
            )  # fmt: skip
            return [metric for part in parts for metric in part]

    def _of_source(self, event: events.SourceLost | events.SourceGap | events.StreamOverload) -> None:
        """News of a live source."""
        match event:
            case events.SourceLost():
                self._is_away = True
            case events.SourceGap():
                self._is_away = False
                self._gaps += 1
                self._gap_s += event.t_end_s - event.t_start_s
            case events.StreamOverload():
                self._windows_skipped += event.windows_skipped
                self._packets_dropped += event.packets_dropped

    def _settle(self, outcome: events.Outcome) -> None:
        """Of a segment that was closed before this process began nobody knows the kind, or how long it waited."""
        kind, closed_at = self._unsettled.pop(outcome.segment_id, ("unknown", None))
        self._settled[kind, outcome.event.removeprefix("segment.")] += 1
        if isinstance(outcome, events.SegmentSkipped):
            return
        self._tokens["in",] += outcome.tokens_in
        self._tokens["out",] += outcome.tokens_out
        self._annotation_s += outcome.seconds
        self._annotation_dollars += outcome.dollars or 0.0
        if closed_at is not None:
            self._annotation.labels(kind).observe(self._clock() - closed_at)

    def _of_the_run(self) -> Iterator[Metric]:
        now = self._clock()
        decoded_s = max(self._since_s, self._last["ingest"].t_s) if "ingest" in self._last else self._since_s
        chain_s = now - self._chain_began_at
        yield _gauge("egoclean_decoded_seconds", "Of the source, decoded so far.", decoded_s)
        ratio = max(0.0, decoded_s - self._since_s) / chain_s if chain_s else 0.0
        yield _gauge("egoclean_realtime_ratio", "Decoded seconds per second.", ratio)
        if lags_s := [status.lag_s for status in self._last.values() if status.lag_s is not None]:
            yield _gauge("egoclean_lag_seconds", "Behind a live source, or one played in real time.", max(lags_s))
        yield _counter("egoclean_frames", "Decoded and rectified.", self._given("ingest", "Tile"))
        yield _counter("egoclean_windows", "Embedded.", self._given("encode", "Embedding"))
        yield _counter("egoclean_damaged_seconds", "Of the source, lost.", self._damaged_s)
        yield _counter("egoclean_packets_lost", "Of the source.", self._packets_lost)
        dollars = self._spent_dollars + (now - self._run_began_at) / 3600 * self._price_per_hour
        yield _counter("egoclean_cost_dollars", "Of the machine, by --price-per-hour.", dollars)
        yield _counters("egoclean_restarts", "Of the chain, by the process that died.", ["process"], self._restarts)

    def _of_a_live_source(self) -> Iterator[Metric]:
        yield _gauge("egoclean_source_away", "1 while a live source is sought.", float(self._is_away))
        yield _counter("egoclean_source_gaps", "Times that a live source was away and came back.", self._gaps)
        yield _counter("egoclean_source_gap_seconds", "For which it was away.", self._gap_s)
        yield _counter("egoclean_windows_skipped", "Not embedded, for want of time.", self._windows_skipped)
        yield _counter("egoclean_packets_dropped", "Not decoded, for want of time.", self._packets_dropped)

    def _of_segments(self) -> Iterator[Metric]:
        yield _counters("egoclean_segments_opened", "Segments begun.", ["kind"], self._opened)
        yield _counters("egoclean_segments_closed", "Segments complete.", ["kind", "closed_by"], self._closed)
        yield _counters("egoclean_segments_settled", "What became of them.", ["kind", "outcome"], self._settled)

    def _of_annotation(self) -> Iterator[Metric]:
        yield _counters("egoclean_annotation_tokens", "By the annotator.", ["direction"], self._tokens)
        yield _counter("egoclean_annotation_seconds", "Of the model, for all segments.", self._annotation_s)
        dollars = "Of tokens that have a price, else of these seconds, by --price-per-hour; without what is not known."
        yield _counter("egoclean_annotation_dollars", dollars, self._annotation_dollars)
        levels = self._last["record"].levels if "record" in self._last else {}
        waiting = levels.get("waiting_segments", 0.0)
        yield _gauge("egoclean_annotator_waiting_segments", "Closed, and without an outcome yet.", waiting)
        yield _gauge("egoclean_spool_bytes", "Of keyframes on disk.", levels.get("spool_bytes", 0.0))

    def _of_processes(self) -> Iterator[Metric]:
        def each(value: Callable[[Status], float | None]) -> dict[tuple[str, ...], float]:
            values = {name: value(status) for name, status in self._last.items()}
            return {(name,): found for name, found in values.items() if found is not None}

        by = ["process"]
        yield _counters("egoclean_process_cpu_seconds", "User and system time.", by, each(lambda last: last.cpu_s))
        resident = GaugeMetricFamily("egoclean_process_resident_bytes", "Memory held.", labels=by)
        yield _filled(resident, each(lambda last: last.rss_bytes))
        yield _counters("egoclean_process_items", "Items taken.", by, each(lambda last: last.items))
        queue = GaugeMetricFamily("egoclean_process_queue_seconds", "For which the last item had waited.", labels=by)
        yield _filled(queue, each(lambda last: last.queue_s))
        depth = GaugeMetricFamily("egoclean_process_queue_items", "That wait for it.", labels=by)
        yield _filled(depth, each(lambda last: last.queue_items))
        vram = GaugeMetricFamily("egoclean_process_vram_peak_bytes", "Of the GPU, the most that was held.", labels=by)
        yield _filled(vram, each(_peak_vram_bytes))
        blocked = each(lambda last: last.blocked_s)
        yield _counters("egoclean_process_blocked_seconds", "Handing items on to one that is behind.", by, blocked)

    def _given(self, process: str, kind: str) -> int:
        return self._last[process].given.get(kind, 0) if process in self._last else 0

    def _histogram(self, which: str, text: str, buckets_s: Sequence[float] = _LATENCY_BUCKETS_S) -> Histogram:
        name = f"egoclean_segment_{which}_latency_seconds"
        return Histogram(name, f"{text}.", ["kind"], buckets=buckets_s, registry=self.registry)


def _peak_vram_bytes(last: Status) -> float | None:
    """Of its model, whichever that is."""
    parts = [part for part in last.facts.values() if isinstance(part, dict)]
    return next((part["peak_vram_bytes"] for part in parts if "peak_vram_bytes" in part), None)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=value)


def _counters(name: str, text: str, labels: list[str], values: Mapping[tuple[str, ...], float]) -> Metric:
    return _filled(CounterMetricFamily(name, text, labels=labels), values)


def _filled(family: CounterMetricFamily | GaugeMetricFamily, values: Mapping[tuple[str, ...], float]) -> Metric:
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family
