"""The running totals of a run: windows, segments, lost time, wall time."""

import time

from stream.pipeline.facts import SegmentClosed, SourceDamaged, StreamOverload
from stream.pipeline.items import Embedding
from stream.pipeline.state import State, take, take_optional
from stream.records.accounting import LossTracker
from stream.records.store.checkpoint import Totals


class RunTotals:
    """Counts what has been recorded; its state survives a restart, and so does the wall time of earlier attempts."""

    def __init__(self) -> None:
        self.windows = 0
        self.segments = 0
        self.anomalous = 0
        """Segments of that kind."""
        self.idle_s = 0.0
        self.judged_from_s: float | None = None
        """Start of the first window that was judged."""
        self._row_shapes: list[list[int]] = []
        """Of the run's arrays, in their order."""
        self._damaged = LossTracker()
        self._dropped = LossTracker()
        self._began_at = time.monotonic()

    @property
    def wall_s(self) -> float:
        """Time that the run has taken, in all its attempts."""
        return time.monotonic() - self._began_at

    def add_window(self, embedding: Embedding) -> None:
        """Count a window."""
        self.windows += 1
        self._row_shapes = [list(embedding.mean.shape), list(embedding.temporal.shape), []]

    def add_damage(self, damage: SourceDamaged) -> None:
        """Note a stretch that could not be decoded."""
        self._damaged.add(damage.t_start_s, damage.t_end_s)

    def add_overload(self, overload: StreamOverload) -> None:
        """Note a stretch of a live source that was not decoded, if packets of it were dropped."""
        if overload.packets_dropped:
            self._dropped.add(overload.t_start_s, overload.t_end_s)

    def close_segment(self, segment: SegmentClosed) -> tuple[float, float]:
        """Count a segment; returns the seconds of it that were damaged, and that were dropped."""
        self.count_segment(segment)
        span = segment.t_start_s, segment.t_end_s
        return self._damaged.close(*span), self._dropped.close(*span)

    def count_segment(self, segment: SegmentClosed) -> None:
        """Count a segment that is on record already."""
        self.segments += 1
        self.anomalous += segment.kind == "anomalous"
        self.idle_s = round(self.idle_s + segment.idle_s, 6)
        if self.judged_from_s is None:
            self.judged_from_s = segment.judged_from_s

    def at_barrier(self, events: int) -> Totals:
        """The totals that are saved with the states, after so many events of the chain."""
        return Totals(self.windows, self._row_shapes, events, self.wall_s)

    def snapshot(self) -> State:
        return {
            "windows": self.windows,
            "segments": self.segments,
            "anomalous": self.anomalous,
            "idle_s": self.idle_s,
            "judged_from_s": self.judged_from_s,
            "row_shapes": self._row_shapes,
            "damaged": self._damaged.snapshot(),
            "dropped": self._dropped.snapshot(),
            "wall_s": self.wall_s,
        }

    def restore(self, state: State) -> None:
        self.windows = take(state, "windows", int)
        self.segments = take(state, "segments", int)
        self.anomalous = take(state, "anomalous", int)
        self.idle_s = take(state, "idle_s", float)
        self.judged_from_s = take_optional(state, "judged_from_s", float)
        self._row_shapes = take(state, "row_shapes", list)
        self._damaged.restore(take(state, "damaged", dict))
        self._dropped.restore(take(state, "dropped", dict))
        self._began_at -= take(state, "wall_s", float)
