"""How much embeddings change within seconds, and where they hardly do: a worker who stopped, as any encoder shows it.

The change of a window is its cosine distance to the window ``CHANGE_S`` before it. Hands that rest look much like usual
work, so no score of one window finds them; what stops with the work is the change.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

import numpy as np

from stream.detection.histogram import DecayingHistogram
from stream.detection.options import DetectorOptions
from stream.detection.stretches import ROUNDING_S, LongStretches, Span
from stream.detection.thresholds import SMALLEST_RISE
from stream.pipeline.items import Float32
from stream.pipeline.stage import State
from stream.pipeline.state import take

CHANGE_S: Final = 3.0
"""A window is compared with the latest one that is at least so much earlier, and at most twice that."""
AVERAGED_S: Final = 8.0
"""Changes are averaged over so many seconds before they are compared with the usual change."""
FEWEST_CHANGES: Final = 30
"""With fewer changes, what is usual is not known."""


class EmbeddingChange(NamedTuple):
    """How much a window differs from an earlier one."""

    from_s: float
    """Time of the earlier one."""
    t_s: float
    change: float
    """1 - cosine."""


class StillnessTracker:
    """Finds the stretches in which embeddings hardly change.

    They hardly change at a window if the mean change over the last ``AVERAGED_S`` seconds is below ``idle_change``
    times the median of all changes so far. Still are then, from the first to the last, the windows of these seconds
    whose own change is nearer to the least of them than to that limit. Memory: one histogram, and the windows of
    ``2 * CHANGE_S + AVERAGED_S`` seconds.
    """

    def __init__(self, options: DetectorOptions, around_s: Span) -> None:
        """``around_s`` is how far a window's pictures are before and after the time of the window."""
        self._options = options
        self._around_s = around_s
        self._usual = DecayingHistogram(options.memory_windows)
        self._count = 0
        self._earlier: deque[tuple[float, Float32]] = deque()
        """Time and sketch of the windows that later ones are compared with."""
        self._recent: deque[EmbeddingChange] = deque()
        """The changes of the last ``AVERAGED_S`` seconds."""
        self._still = LongStretches(options.idle_after_s)

    def add(self, t_s: float, sketch: Float32) -> None:
        """Take the next window with the sketch of its unit vector."""
        while len(self._earlier) > 1 and self._earlier[1][0] <= t_s - CHANGE_S + ROUNDING_S:
            self._earlier.popleft()
        compared = self._earlier[0] if self._earlier else None
        self._earlier.append((t_s, sketch))
        if compared is None or compared[0] > t_s - CHANGE_S + ROUNDING_S:
            return
        if compared[0] < t_s - 2 * CHANGE_S - ROUNDING_S:  # a hole
            self._recent.clear()
            return
        change = float(np.sum((sketch.astype(np.float64) - compared[1]) ** 2)) / 2
        self._usual.add(change)
        self._count += 1
        self._recent.append(EmbeddingChange(compared[0], t_s, change))
        while self._recent[0].t_s <= t_s - AVERAGED_S + ROUNDING_S:
            self._recent.popleft()
        if self._recent[0].from_s <= t_s - AVERAGED_S + ROUNDING_S and self._count >= FEWEST_CHANGES:
            self._judge()

    def within(self, start_s: float, end_s: float) -> list[Span]:
        """The still stretches in ``[start_s, end_s)`` that are long enough to be idle, as far as they are known."""
        return self._still.within(start_s, end_s)

    def forget_before(self, t_s: float) -> None:
        """Drop what no later stretch needs: none begins before ``t_s``."""
        self._still.forget_before(t_s)

    def snapshot(self) -> State:
        return {
            "usual": self._usual.snapshot(),
            "count": self._count,
            "earlier_s": np.array([t_s for t_s, _ in self._earlier], np.float64),
            "earlier": np.array([sketch for _, sketch in self._earlier], np.float32),
            "recent": np.array(self._recent, np.float64).reshape(-1, 3),
            "still": self._still.snapshot(),
        }

    def restore(self, state: State) -> None:
        self._usual.restore(take(state, "usual", dict))
        self._count = take(state, "count", int)
        times_s = take(state, "earlier_s", np.ndarray).tolist()
        self._earlier = deque(zip(times_s, np.array(take(state, "earlier", np.ndarray)), strict=True))
        self._recent = deque(EmbeddingChange(*row) for row in take(state, "recent", np.ndarray).tolist())
        self._still.restore(take(state, "still", dict))

    def _judge(self) -> None:
        """Extend the still stretch if the recent changes are small."""
        usual = self._usual.median
        limit = self._options.idle_change * usual
        if usual < SMALLEST_RISE or not np.mean([each.change for each in self._recent]) < limit:
            return
        edge = (limit + min(each.change for each in self._recent)) / 2
        small = [each for each in self._recent if each.change < edge]
        before_s, after_s = self._around_s
        self._still.extend(small[0].from_s - before_s, small[-1].t_s + after_s)
