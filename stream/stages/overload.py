"""Aggregates overload: skipped windows and dropped packets are reported as one stretch."""

from stream.pipeline.facts import StreamOverload

REPORT_EVERY_S = 10.0
"""Stream time after which the overload so far is reported."""


class OverloadAggregator:
    """Adds up overload until it is reported."""

    def __init__(self) -> None:
        self._pending: StreamOverload | None = None

    def add(self, overload: StreamOverload) -> None:
        """Add an overload to those that are not reported yet."""
        pending = self._pending
        if pending is None:
            self._pending = overload
            return
        self._pending = StreamOverload(
            t_start_s=min(pending.t_start_s, overload.t_start_s),
            t_end_s=max(pending.t_end_s, overload.t_end_s),
            reason=pending.reason if overload.reason in pending.reason else f"{pending.reason}; {overload.reason}",
            windows_skipped=pending.windows_skipped + overload.windows_skipped,
            packets_dropped=pending.packets_dropped + overload.packets_dropped,
        )

    def due(self, t_s: float) -> StreamOverload | None:
        """The report that is due at stream time ``t_s``, if one is; the sums then start over."""
        if self._pending is None or t_s - self._pending.t_start_s < REPORT_EVERY_S:
            return None
        report, self._pending = self._pending, None
        return report
