"""The model of normal work: its centroid, the distribution of its scores, and the thresholds that follow."""

from __future__ import annotations

from stream.detection.centroid import RunningCentroid
from stream.detection.histogram import DecayingHistogram
from stream.detection.options import DetectorOptions
from stream.detection.thresholds import Thresholds, causal_thresholds
from stream.pipeline.items import Float64
from stream.pipeline.stage import State
from stream.pipeline.state import take, take_optional


class NormalModel:
    """Everything that the causal detector learns."""

    def __init__(self, options: DetectorOptions) -> None:
        self._options = options
        self._since_s: float | None = None
        self._reference = RunningCentroid(options.memory_windows)
        self._normal = DecayingHistogram(options.memory_windows)
        self._seen = DecayingHistogram(options.memory_windows)
        self._smoothed: float | None = None

    @property
    def windows(self) -> float:
        """Number of learned windows after decay, at most ``memory_windows``."""
        return self._reference.weight

    def score(self, unit: Float64) -> float | None:
        """1 - mean cosine to the learned windows; None before the first."""
        return self._reference.score(unit)

    def smooth(self, score: float) -> float:
        """Update the EMA with the next score and return it."""
        alpha = self._options.alpha
        self._smoothed = score if self._smoothed is None else alpha * score + (1 - alpha) * self._smoothed
        return self._smoothed

    def interrupt(self) -> None:
        """Reset the EMA, because the next window does not follow the last one."""
        self._smoothed = None

    def thresholds(self, t_s: float) -> Thresholds | None:
        """The thresholds for the EMA at ``t_s``; None during the warm-up."""
        if self._since_s is None or t_s - self._since_s < self._options.warmup_s or self._normal.empty:
            return None
        return causal_thresholds(self._normal.points(), self._seen.points(), self._options)

    def see(self, smoothed: float) -> None:
        """Add an EMA value, normal or not: Otsu needs both classes."""
        self._seen.add(smoothed)

    def learn(self, t_s: float, unit: Float64, smoothed: float | None) -> None:
        """Learn a normal window. The very first has no EMA value and starts the warm-up."""
        if self._since_s is None:
            self._since_s = t_s
        self._reference.learn(unit)
        if smoothed is not None:
            self._normal.add(smoothed)

    def handed_over(self, end_s: float) -> State:
        """A snapshot for a time line that begins at ``end_s`` of this one; its warm-up began before its time 0."""
        since_s = None if self._since_s is None else self._since_s - end_s
        return {**self.snapshot(), "since_s": since_s, "smoothed": None}

    def snapshot(self) -> State:
        return {
            "since_s": self._since_s,
            "reference": self._reference.snapshot(),
            "normal": self._normal.snapshot(),
            "seen": self._seen.snapshot(),
            "smoothed": self._smoothed,
        }

    def restore(self, state: State) -> None:
        self._since_s = take_optional(state, "since_s", float)
        self._reference.restore(take(state, "reference", dict))
        self._normal.restore(take(state, "normal", dict))
        self._seen.restore(take(state, "seen", dict))
        self._smoothed = take_optional(state, "smoothed", float)
