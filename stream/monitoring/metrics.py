"""A run's Prometheus metrics, from the statuses and events that the supervisor reads anyway.

To find the process that is too slow, look for the first one that is not blocked (``egoclean_process_blocked_seconds``).
``egoclean_process_queue_items`` is what waits in front of a process, as of its last status, at most half a second ago.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from stream.records.latencies import closing_s, opening_s
from stream.records.schema import events
from stream.runtime.heartbeat import Heartbeat

_LATENCY_BUCKETS_S: Final = (0.5, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 60)
"""Around the delay of a debounce of three windows, one a second and 2.1 s long."""
_ANNOTATION_BUCKETS_S: Final = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
"""From a fast, idle server to a queue with an hour's segments."""


class Metrics:
    """All metrics of one run, in their own registry.

    Counters start again at 0 when the chain is restarted, as they do when a run resumes in a new process. The cost
    covers all attempts.
    """

    def __init__(self, price_per_hour: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.registry = CollectorRegistry()
        self._chain = ChainCollector(price_per_hour, clock)
        self.registry.register(self._chain)
        self._segments = SegmentMetrics(self.registry)
        self._annotation = AnnotationMetrics(self.registry, clock)
        self._source = SourceMetrics(self.registry)
        self._restarts = Counter(
            "egoclean_restarts", "Restarts, by the process that died.", ["process"], registry=self.registry
        )
        ProcessCollector(registry=self.registry)  # of the supervisor itself

    def begin(self, since_s: float = 0.0) -> None:
        """Start measuring a chain of new processes that begins ``since_s`` seconds into the source."""
        self._chain.begin(since_s)

    def spent(self, dollars: float) -> None:
        """Add the cost of the run's earlier attempts."""
        self._chain.spent_dollars = dollars

    def on_heartbeat(self, status: Heartbeat) -> None:
        self._chain.on_heartbeat(status)

    def on_event(self, event: events.Event) -> None:
        self._segments.on_event(event)
        self._annotation.on_event(event)
        self._source.on_event(event)
        if isinstance(event, events.StageRestarted):
            self._restarts.labels(event.process).inc()

    def on_wall_latency(self, event: events.SegmentOpened | events.SegmentClosed, took_s: float) -> None:
        """Observe the seconds from the arrival of an edge's frame to its event on disk."""
        self._segments.on_wall_latency(event, took_s)


class SegmentMetrics:
    """Segments opened and closed, and how soon after their edges."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def latency(edge: str, text: str) -> Histogram:
            name = f"egoclean_segment_{edge}_latency_seconds"
            return Histogram(name, text, ["kind"], buckets=_LATENCY_BUCKETS_S, registry=registry)

        self._opened = Counter("egoclean_segments_opened", "Segments opened.", ["kind"], registry=registry)
        self._closed = Counter("egoclean_segments_closed", "Segments closed.", ["kind", "closed_by"], registry=registry)
        self._opening = latency("opening", "Stream time from a segment's start to its detection.")
        self._closing = latency("closing", "Stream time from a segment's end to its detection.")
        self._opening_wall = latency("opening_wall", "From the arrival of a segment's start to its event on disk.")
        self._closing_wall = latency("closing_wall", "From the arrival of a segment's end to its event on disk.")

    def on_event(self, event: events.Event) -> None:
        match event:
            case events.SegmentOpened():
                self._opened.labels(event.kind).inc()
                if (took_s := opening_s(event)) is not None:
                    self._opening.labels(event.kind).observe(took_s)
            case events.SegmentClosed():
                self._closed.labels(event.kind, event.closed_by).inc()
                if (took_s := closing_s(event)) is not None:
                    self._closing.labels(event.kind).observe(took_s)

    def on_wall_latency(self, event: events.SegmentOpened | events.SegmentClosed, took_s: float) -> None:
        latency = self._opening_wall if isinstance(event, events.SegmentOpened) else self._closing_wall
        latency.labels(event.kind).observe(took_s)


class AnnotationMetrics:
    """Outcomes of segments, and what the annotator used for them."""

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._closed: dict[str, tuple[str, float]] = {}
        """Kind and clock time of closing of each segment without an outcome."""
        self._settled = Counter(
            "egoclean_segments_settled", "Segments with an outcome.", ["kind", "outcome"], registry=registry
        )
        self._latency = Histogram(
            "egoclean_segment_annotation_latency_seconds",
            "From a segment's closing to its annotation.",
            ["kind"],
            buckets=_ANNOTATION_BUCKETS_S,
            registry=registry,
        )
        self._tokens = Counter("egoclean_annotation_tokens", "Annotator tokens.", ["direction"], registry=registry)
        self._seconds = Counter("egoclean_annotation_seconds", "Model time for all segments.", registry=registry)
        self._dollars = Counter(
            "egoclean_annotation_dollars",
            "Price of the tokens, or else of the model time at --price-per-hour; unknown prices are left out.",
            registry=registry,
        )

    def on_event(self, event: events.Event) -> None:
        match event:
            case events.SegmentClosed():
                self._closed[event.segment_id] = event.kind, self._clock()
            case events.SegmentAnnotated() | events.SegmentFailed() | events.SegmentSkipped():
                self._settle(event)

    def _settle(self, outcome: events.Outcome) -> None:
        """A segment that closed before this process started has the kind ``unrecorded`` and no latency."""
        kind, closed_at = self._closed.pop(outcome.segment_id, ("unrecorded", None))
        self._settled.labels(kind, outcome.event.removeprefix("segment.")).inc()
        if isinstance(outcome, events.SegmentSkipped):
            return
        self._tokens.labels("in").inc(outcome.tokens_in)
        self._tokens.labels("out").inc(outcome.tokens_out)
        self._seconds.inc(outcome.seconds)
        self._dollars.inc(outcome.dollars or 0.0)
        if closed_at is not None:
            self._latency.labels(kind).observe(self._clock() - closed_at)


class SourceMetrics:
    """Losses of the source: damage, outages and overload."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str) -> Counter:
            return Counter(f"egoclean_{name}", text, registry=registry)

        self._damaged_s = counter("damaged_seconds", "Seconds of the source that are damaged.")
        self._packets_lost = counter("packets_lost", "Packets of the source that are lost or damaged.")
        self._is_away = Gauge("egoclean_source_away", "1 while a live source is disconnected.", registry=registry)
        self._gaps = counter("source_gaps", "Times that a live source disconnected and came back.")
        self._gap_s = counter("source_gap_seconds", "Seconds for which a live source was disconnected.")
        self._windows_skipped = counter("windows_skipped", "Windows not embedded because of overload.")
        self._packets_dropped = counter("packets_dropped", "Packets not decoded because of overload.")

    def on_event(self, event: events.Event) -> None:
        match event:
            case events.SourceDamaged():
                self._damaged_s.inc(event.t_end_s - event.t_start_s)
                self._packets_lost.inc(event.packets)
            case events.SourceLost():
                self._is_away.set(1)
            case events.SourceGap():
                self._is_away.set(0)
                self._gaps.inc()
                self._gap_s.inc(event.t_end_s - event.t_start_s)
            case events.StreamOverload():
                self._windows_skipped.inc(event.windows_skipped)
                self._packets_dropped.inc(event.packets_dropped)


class ChainCollector(Collector):
    """The chain's progress and its processes' resources, computed from their last statuses at each scrape."""

    def __init__(self, price_per_hour: float, clock: Callable[[], float]) -> None:
        self.spent_dollars = 0.0
        self._price_per_hour = price_per_hour
        self._clock = clock
        self._run_began_at = clock()
        self.begin()

    def begin(self, since_s: float = 0.0) -> None:
        self._since_s = since_s
        self._chain_began_at = self._clock()
        self._last: Mapping[str, Heartbeat] = {}

    def on_heartbeat(self, status: Heartbeat) -> None:
        self._last = {**self._last, status.process: status}  # a new one: the server's threads read the old one

    def collect(self) -> Iterator[Metric]:
        """The values now; the registry calls this at every scrape."""
        last = self._last
        yield from self._progress(list(last.values()))
        yield from _processes(last)

    def _progress(self, last: Sequence[Heartbeat]) -> Iterator[Metric]:
        now = self._clock()
        decoded_s = max([self._since_s, *(status.t_s for status in last)])
        chain_s = now - self._chain_began_at
        ratio = (decoded_s - self._since_s) / chain_s if chain_s else 0.0
        dollars = self.spent_dollars + (now - self._run_began_at) / 3600 * self._price_per_hour
        gauges = {name: value for status in last for name, value in status.gauges.items()}
        yield _gauge("decoded_seconds", "Seconds of the source decoded so far.", decoded_s)
        yield _gauge("realtime_ratio", "Decoded seconds per second.", ratio)
        if lags_s := [status.lag_s for status in last if status.lag_s is not None]:
            yield _gauge("lag_seconds", "Lag behind a live source, or one played in real time.", max(lags_s))
        yield _counter("frames", "Frames decoded and rectified.", _items(last, "EncoderFrame"))
        yield _counter("windows", "Windows embedded.", _items(last, "Embedding"))
        yield _counter("cost_dollars", "Cost of the machine at --price-per-hour.", dollars)
        waiting = gauges.get("waiting_segments", 0.0)
        yield _gauge("annotator_waiting_segments", "Closed segments without an outcome.", waiting)
        yield _gauge("spool_bytes", "Bytes of keyframes on disk.", gauges.get("spool_bytes", 0.0))


def _items(last: Sequence[Heartbeat], kind: str) -> int:
    """Items of a kind that the chain has created; processes that only pass them on have counted no more."""
    return max((status.items_out.get(kind, 0) for status in last), default=0)


def _processes(last: Mapping[str, Heartbeat]) -> Iterator[Metric]:
    """Resources and queues, by process; a process that reports no value has no sample."""

    def each(
        family: type[CounterMetricFamily | GaugeMetricFamily],
        name: str,
        text: str,
        value: Callable[[Heartbeat], float | None],
    ) -> Metric:
        metric = family(f"egoclean_process_{name}", text, labels=["process"])
        for process, status in last.items():
            if (number := value(status)) is not None:
                metric.add_metric([process], number)
        return metric

    counter, gauge = CounterMetricFamily, GaugeMetricFamily
    yield each(counter, "cpu_seconds", "User and system CPU time.", lambda status: status.cpu_s)
    yield each(gauge, "resident_bytes", "Resident memory.", lambda status: status.rss_bytes)
    yield each(counter, "items", "Items received.", lambda status: status.items)
    yield each(gauge, "queue_seconds", "Time that the last item waited for the process.", lambda status: status.queue_s)
    yield each(gauge, "queue_items", "Items that wait for the process.", lambda status: status.queue_items)
    yield each(gauge, "vram_peak_bytes", "Peak GPU memory of the process's model.", _peak_vram_bytes)
    yield each(counter, "blocked_seconds", "Time blocked on the next process.", lambda status: status.blocked_s)


def _peak_vram_bytes(status: Heartbeat) -> float | None:
    parts = [part for part in status.facts.values() if isinstance(part, dict)]
    return next((part["peak_vram_bytes"] for part in parts if "peak_vram_bytes" in part), None)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"egoclean_{name}", text, value=value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"egoclean_{name}", text, value=value)
