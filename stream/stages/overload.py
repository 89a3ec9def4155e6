"""Aggregates overload: windows that are skipped one by one are reported as one stretch."""

from stream.pipeline.facts import StreamOverload

REPORT_EVERY_S = 10.0
"""Maximum stream time of one report, unless a single piece is longer."""


class OverloadAggregator:
    """Adds up skipped windows and dropped packets until they are reported."""

    def __init__(self) -> None:
        self._pending: StreamOverload | None = None

    def add(self, piece: StreamOverload) -> None:
        """Add a piece."""
        before = self._pending
        if before is None:
            self._pending = piece
            return
        self._pending = StreamOverload(
            t_start_s=min(before.t_start_s, piece.t_start_s),
            t_end_s=max(before.t_end_s, piece.t_end_s),
            reason=before.reason if piece.reason in before.reason else f"{before.reason}; {piece.reason}",
            windows_skipped=before.windows_skipped + piece.windows_skipped,
            packets_dropped=before.packets_dropped + piece.packets_dropped,
        )

    def due(self, t_s: float) -> StreamOverload | None:
        """The report that is due at stream time ``t_s``, if one is; the sums then start over."""
        if self._pending is None or t_s - self._pending.t_start_s < REPORT_EVERY_S:
            return None
        report, self._pending = self._pending, None
        return report
