"""Sums up overload: what is skipped window by window is reported as one stretch."""

from stream.pipeline.facts import StreamOverload

TOLD_EVERY_S = 10.0
"""Stream time that one word covers at most, unless a single piece is longer."""


class OverloadAggregator:
    """Adds up what was skipped and dropped until it is told."""

    def __init__(self) -> None:
        self._pending: StreamOverload | None = None

    def add(self, piece: StreamOverload) -> None:
        """Note another piece."""
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
        """What is to be told at stream time ``t_s``; it is forgotten then."""
        if self._pending is None or t_s - self._pending.t_start_s < TOLD_EVERY_S:
            return None
        told, self._pending = self._pending, None
        return told
