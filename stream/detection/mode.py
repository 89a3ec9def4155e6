"""One kind of usual work: its centroid, the distribution of its scores, and the thresholds that follow."""

from __future__ import annotations

from collections import deque

from stream.detection.centroid import RunningCentroid
from stream.detection.histogram import DecayingHistogram
from stream.detection.options import DetectorOptions
from stream.detection.thresholds import LOWEST_OF, Thresholds, causal_thresholds
from stream.pipeline.items import Float32, Float64
from stream.pipeline.stage import State
from stream.pipeline.state import take, take_optional

FIRST_SCORES = 5
"""Work that is not usual scores its own windows after so many: against one or two, all look unusual."""


class Smoother:
    """The two smoothed forms of a score that are compared with thresholds."""

    def __init__(self, alpha: float) -> None:
        self._alpha = alpha
        self._average: float | None = None
        self._latest: deque[float] = deque(maxlen=LOWEST_OF)

    def add(self, score: float) -> tuple[float, float | None]:
        """Take the next score; return the EMA, and the lowest of the latest scores once there are ``LOWEST_OF``."""
        before = self._average
        self._average = score if before is None else self._alpha * score + (1 - self._alpha) * before
        self._latest.append(score)
        return self._average, min(self._latest) if len(self._latest) == LOWEST_OF else None

    def shift(self, rise: float) -> None:
        """Continue on a scale whose zero lies ``rise`` lower."""
        self._average = None if self._average is None else self._average + rise
        self._latest = deque((score + rise for score in self._latest), maxlen=LOWEST_OF)

    def reset(self) -> None:
        """Begin anew, because the next window does not follow the last one."""
        self._average = None
        self._latest.clear()

    def snapshot(self) -> State:
        return {"average": self._average, "latest": list(self._latest)}

    def restore(self, state: State) -> None:
        self._average = take_optional(state, "average", float)
        self._latest = deque(take(state, "latest", list), maxlen=LOWEST_OF)


class Mode:
    """One kind of work. It is learned by scores from outside while it is usual, and by its own before."""

    def __init__(self, options: DetectorOptions) -> None:
        self._options = options
        self.number: int | None = None
        """Which usual work it is: 0, 1, 2, ...; None while it is not usual."""
        self.last_use = 0
        """When it was done last, as the bank counts."""
        self._reference = RunningCentroid(options.memory_windows)
        self._smoothed = DecayingHistogram(options.memory_windows)
        self._lowest = DecayingHistogram(options.memory_windows)
        self._own = Smoother(options.alpha)
        """Of its own scores, while it is not usual."""
        self._thresholds: Thresholds | None = None
        """Those of all that was learned, once they were needed."""

    @property
    def windows(self) -> float:
        """Number of learned windows after decay, at most ``memory_windows``."""
        return self._reference.weight

    @property
    def is_scored(self) -> bool:
        """Whether there was a score yet."""
        return not self._smoothed.empty

    @property
    def median(self) -> float:
        """The median of the smoothed scores; 0 before the first."""
        thresholds = self.thresholds()
        return thresholds.median if thresholds else 0.0

    def score(self, unit: Float64) -> float:
        """1 - mean cosine to the learned windows, of which there is one at least."""
        return self._reference.score(unit)

    def learn(self, unit: Float64, smoothed: float | None, lowest: float | None) -> None:
        """Learn a window, with what the smoother made of the scores up to its own."""
        self._reference.learn(unit)
        if smoothed is not None:
            self._smoothed.add(smoothed)
            self._thresholds = None
        if lowest is not None:
            self._lowest.add(lowest)

    def begin_with(self, total: Float32, count: int) -> None:
        """Begin with the sum of ``count`` unit vectors (D,)."""
        self._reference.begin_with(total, count)

    def learn_by_itself(self, unit: Float64) -> None:
        """Learn a window by its own score, once there are ``FIRST_SCORES`` to compare with."""
        has_score = self.windows >= FIRST_SCORES
        self.learn(unit, *(self._own.add(self.score(unit)) if has_score else (None, None)))

    def absorb(self, other: Mode) -> None:
        """Add what was learned of the same work at another time."""
        self._reference.absorb(other._reference)
        self._smoothed.absorb(other._smoothed)
        self._lowest.absorb(other._lowest)
        self._own.reset()
        self._thresholds = None

    def thresholds(self) -> Thresholds | None:
        """The thresholds for the scores of this work; None before the first score."""
        if self._thresholds is None and not self._smoothed.empty:
            self._thresholds = causal_thresholds(self._smoothed.points(), self._lowest.points(), self._options)
        return self._thresholds

    def snapshot(self) -> State:
        return {
            "number": self.number,
            "last_use": self.last_use,
            "reference": self._reference.snapshot(),
            "smoothed": self._smoothed.snapshot(),
            "lowest": self._lowest.snapshot(),
            "own": self._own.snapshot(),
        }

    @classmethod
    def restored(cls, options: DetectorOptions, state: State) -> Mode:
        mode = cls(options)
        mode.number = take_optional(state, "number", int)
        mode.last_use = take(state, "last_use", int)
        mode._reference.restore(take(state, "reference", dict))
        mode._smoothed.restore(take(state, "smoothed", dict))
        mode._lowest.restore(take(state, "lowest", dict))
        mode._own.restore(take(state, "own", dict))
        return mode
