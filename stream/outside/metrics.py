"""A run in numbers, for Prometheus: what the statuses and events that the supervisor reads add up to.

There is no depth of a queue: ZeroMQ does not tell it, and the difference of two counters that were reported up to
half a second apart is off by about as many items as a queue holds. ``egoclean_process_blocked_seconds`` says what one
would ask the depth for: which process is too slow is the first one that is not blocked.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import Lock
from typing import Final

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from stream.records import events
from stream.status import Status

_LATENCY_BUCKETS_S: Final = (0.5, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 60)
"""Around what a debounce of three windows, one a second and 2.1 s long, makes of an edge."""


class Metrics(Collector):
    """All metrics of one run, in a registry of their own.

    Counters begin anew when the chain is started again, as they do when a run goes on in a new process.
    """

    def __init__(self, price_per_hour: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.registry = CollectorRegistry()
        self._price_per_hour = price_per_hour
        self._clock = clock
        self._run_began_at = clock()
        self._lock = Lock()  # the supervisor tells, the server's threads ask
        self._opened: Counter[tuple[str, ...]] = Counter()
        self._closed: Counter[tuple[str, ...]] = Counter()
        self._settled: Counter[tuple[str, ...]] = Counter()
        self._restarts: Counter[tuple[str, ...]] = Counter()
        self._tokens: Counter[tuple[str, ...]] = Counter()
        self._annotator_s = 0.0
        self._kinds: dict[str, str] = {}
        """Of closed segments without an outcome."""
        self._damaged_s = 0.0
        self._packets_lost = 0
        self._opening = self._histogram("opening", "from its start to when it was known")
        self._closing = self._histogram("closing", "from its end to when it was known")
        self.begin()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)  # of the supervisor itself

    def begin(self, since_s: float = 0.0) -> None:
        """A chain begins, with new processes, behind so many seconds of the source."""
        with self._lock:
            self._since_s = since_s
            self._chain_began_at = self._clock()
            self._last: dict[str, Status] = {}

    def on_status(self, status: Status) -> None:
        with self._lock:
            self._last[status.process] = status

    def on_event(self, event: events.Event) -> None:
        with self._lock:
            match event:
                case events.SegmentOpened():
                    self._opened[event.kind,] += 1
                    self._opening.labels(event.kind).observe(event.detected_at_s - event.t_start_s)
                case events.SegmentClosed():
                    self._closed[event.kind, event.closed_by] += 1
                    self._closing.labels(event.kind).observe(max(0.0, event.detected_at_s - event.t_end_s))
                    self._kinds[event.segment_id] = event.kind
                case events.SegmentAnnotated() | events.SegmentFailed() | events.SegmentSkipped():
                    kind = self._kinds.pop(event.segment_id, "unknown")  # closed before this process began
                    self._settled[kind, event.event.removeprefix("segment.")] += 1
                    self._note_price(event)
                case events.SourceDamaged():
                    self._damaged_s += event.t_end_s - event.t_start_s
                    self._packets_lost += event.packets
                case events.StageRestarted():
                    self._restarts[event.process,] += 1

    def collect(self) -> Iterable[Metric]:
        """The present values; called by the registry at every scrape."""
        with self._lock:
            parts = self._of_the_run(), self._of_segments(), self._of_annotations(), self._of_processes()
            return [metric for part in parts for metric in part]

    def _of_the_run(self) -> Iterator[Metric]:
        now = self._clock()
        decoded_s = max(self._since_s, self._last["ingest"].t_s) if "ingest" in self._last else self._since_s
        chain_s = now - self._chain_began_at
        yield _gauge("egoclean_decoded_seconds", "Of the source, decoded so far.", decoded_s)
        ratio = max(0.0, decoded_s - self._since_s) / chain_s if chain_s else 0.0
        yield _gauge("egoclean_realtime_ratio", "Decoded seconds per second.", ratio)
        if "ingest" in self._last and (lag_s := self._last["ingest"].lag_s) is not None:
            yield _gauge("egoclean_lag_seconds", "Behind a source that is played in real time.", lag_s)
        yield _counter("egoclean_frames", "Decoded and rectified.", self._given("ingest", "Tile"))
        yield _counter("egoclean_windows", "Embedded.", self._given("encode", "Embedding"))
        yield _counter("egoclean_damaged_seconds", "Of the source, lost.", self._damaged_s)
        yield _counter("egoclean_packets_lost", "Of the source.", self._packets_lost)
        dollars = (now - self._run_began_at) / 3600 * self._price_per_hour
        yield _counter("egoclean_cost_dollars", "Of the machine, by --price-per-hour.", dollars)
        yield _counters("egoclean_restarts", "Of the chain, by the process that died.", ["process"], self._restarts)

    def _of_segments(self) -> Iterator[Metric]:
        yield _counters("egoclean_segments_opened", "Segments begun.", ["kind"], self._opened)
        yield _counters("egoclean_segments_closed", "Segments complete.", ["kind", "closed_by"], self._closed)
        yield _counters("egoclean_segments_settled", "What became of them.", ["kind", "outcome"], self._settled)

    def _of_annotations(self) -> Iterator[Metric]:
        yield _counters("egoclean_annotation_tokens", "Shown to and made by the model.", ["direction"], self._tokens)
        yield _counter("egoclean_annotation_seconds", "Time of the model.", self._annotator_s)

    def _of_processes(self) -> Iterator[Metric]:
        def each(value: Callable[[Status], float]) -> dict[tuple[str, ...], float]:
            return {(name,): value(status) for name, status in self._last.items()}

        by = ["process"]
        yield _counters("egoclean_process_cpu_seconds", "User and system time.", by, each(lambda last: last.cpu_s))
        resident = GaugeMetricFamily("egoclean_process_resident_bytes", "Memory held.", labels=by)
        yield _filled(resident, each(lambda last: last.rss_bytes))
        yield _counters("egoclean_process_items", "Items taken.", by, each(lambda last: last.items))
        blocked = each(lambda last: last.blocked_s)
        yield _counters("egoclean_process_blocked_seconds", "Handing items on to one that is behind.", by, blocked)

    def _note_price(self, event: events.Outcome) -> None:
        if not isinstance(event, events.SegmentSkipped):
            self._tokens["in",] += event.tokens_in
            self._tokens["out",] += event.tokens_out
            self._annotator_s += event.seconds

    def _given(self, process: str, kind: str) -> int:
        return self._last[process].given.get(kind, 0) if process in self._last else 0

    def _histogram(self, which: str, text: str) -> Histogram:
        name, text = f"egoclean_segment_{which}_latency_seconds", f"Stream time {text}."
        return Histogram(name, text, ["kind"], buckets=_LATENCY_BUCKETS_S, registry=self.registry)


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
