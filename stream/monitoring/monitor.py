"""Publishes the state of a run: metrics, health and the heartbeat file."""

import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Self

from stream.config import Options
from stream.monitoring.latency import EdgeLatency
from stream.monitoring.stall import StallDetector
from stream.records.schema import events
from stream.records.schema.health import Health, HealthState, now
from stream.records.schema.layout import RunLayout
from stream.runtime.heartbeat import Heartbeat

if TYPE_CHECKING:
    from stream.monitoring.metrics import Metrics

BEAT_S = 1.0
"""Seconds between two heartbeats of the run."""


class Monitor:
    """Follows the statuses and events of one run over all its chains. The port is open within its context."""

    def __init__(self, options: Options, layout: RunLayout, patience_s: Mapping[str, float]) -> None:
        """Open the metrics port if ``--metrics-port`` is set; ``patience_s`` is as of ``StallDetector``.

        Raises:
            UsageError: the port cannot be bound.
        """
        self._path = layout.health
        self._stall = StallDetector(
            options.monitoring.progress_timeout_s, patience_s, away_s=options.live.unhealthy_after_s
        )
        self._latency = EdgeLatency()
        self._metrics: Metrics | None = None
        self._health = Health(time=now().isoformat(), state="starting", decoded_s=0, windows=0)
        self._beat_at = 0.0
        self._closing = ExitStack()
        self.address: str | None = None
        """URL of the port, if it is open."""
        if options.monitoring.metrics_port is not None:
            self._serve(options, options.monitoring.metrics_port)

    def begin(self, since_s: float = 0.0, windows: int = 0) -> None:
        """Monitor a chain of new processes, which begins after so many seconds and windows."""
        self._stall.begin(since_s, windows)
        if self._metrics:
            self._metrics.begin(since_s)
        self._beat_at = 0.0
        self.tick()

    def does_without(self, process: str) -> None:
        """Stop watching this process: the chain continues without it."""
        self._stall.does_without(process)

    def spent(self, dollars: float) -> None:
        """Add the cost of the run's earlier attempts."""
        if self._metrics:
            self._metrics.spent(dollars)

    @property
    def decoded_s(self) -> float:
        """Stream time of the last frame that was decoded."""
        return self._stall.decoded_s

    def on_heartbeat(self, status: Heartbeat) -> None:
        self._stall.on_heartbeat(status)
        self._latency.on_heartbeat(status)
        if self._metrics:
            self._metrics.on_heartbeat(status)

    def on_event(self, event: events.Event) -> None:
        if self._metrics:
            self._metrics.on_event(event)
        match event:
            case events.SegmentOpened() | events.SegmentClosed():
                self._on_edge(event)
            case events.SourceLost():
                self._stall.away(event.reason)
            case events.SourceGap():
                self._stall.away("")
            case events.RunFinished():
                self._beat("finished", "", event.exit_code, event.decoded_s)
            case events.RunFailed():
                self._beat("failed", event.reason, event.exit_code, self._stall.decoded_s)

    def latencies(self) -> dict[str, dict[str, float]]:
        """Quantiles, for a live source, of the seconds from the arrival of an edge's frame to its event on disk."""
        return self._latency.latencies()

    def tick(self) -> None:
        """Write a heartbeat if one is due and the run has not ended."""
        if self._health.exit_code is None and time.monotonic() >= self._beat_at:
            state, reason = self._stall.judge()
            self._beat(state, reason, None, self._stall.decoded_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def _on_edge(self, event: events.SegmentOpened | events.SegmentClosed) -> None:
        took_s = self._latency.took_s(event)
        if self._metrics and took_s is not None:
            self._metrics.on_wall_latency(event, took_s)

    def _beat(self, state: HealthState, reason: str, exit_code: int | None, decoded_s: float) -> None:
        self._beat_at = time.monotonic() + BEAT_S
        self._health = Health(
            time=now().isoformat(timespec="milliseconds"),
            state=state,
            reason=reason,
            decoded_s=decoded_s,
            windows=self._stall.windows,
            exit_code=exit_code,
        )
        with suppress(OSError):  # a full disk ends the run elsewhere; until then readers see that the file is old
            self._health.write(self._path)

    def _serve(self, options: Options, port: int) -> None:
        from stream.monitoring.http import MetricsServer
        from stream.monitoring.metrics import Metrics

        self._metrics = Metrics(options.machine.price_per_hour / options.resolved.runs_at_once)
        server = MetricsServer(options.monitoring.metrics_host, port, self._metrics.registry, lambda: self._health)
        self._closing.callback(server.close)
        self.address = server.address
