"""The usual work: what it looks like, how its scores are spread, and so what is unusual."""

from __future__ import annotations

from stream.detection.centroid import RunningCentroid
from stream.detection.histogram import DecayingHistogram
from stream.detection.options import DetectorOptions
from stream.detection.thresholds import Thresholds, causal_thresholds
from stream.pipeline.items import Float64
from stream.pipeline.stage import State
from stream.pipeline.state import take, take_optional


class NormalModel:
    """Everything that the causal detector has learned."""

    def __init__(self, options: DetectorOptions) -> None:
        self._options = options
        self._since_s: float | None = None
        self._reference = RunningCentroid(options.memory_windows)
        self._normal = DecayingHistogram(options.memory_windows)
        self._seen = DecayingHistogram(options.memory_windows)
        self._smoothed: float | None = None

    @property
    def windows(self) -> float:
        """How many windows were learned, at most ``memory_windows``."""
        return self._reference.weight

    def score(self, unit: Float64) -> float | None:
        """1 - mean cosine to the usual work; None before anything was learned."""
        return self._reference.score(unit)

    def smooth(self, score: float) -> float:
        """Take the next score into the EMA, and give the EMA."""
        alpha = self._options.alpha
        self._smoothed = score if self._smoothed is None else alpha * score + (1 - alpha) * self._smoothed
        return self._smoothed

    def interrupt(self) -> None:
        """What comes next does not follow what was: the EMA begins anew."""
        self._smoothed = None

    def thresholds(self, t_s: float) -> Thresholds | None:
        """What the EMA at ``t_s`` is held against; None during the warm-up."""
        if self._since_s is None or t_s - self._since_s < self._options.warmup_s or self._normal.empty:
            return None
        return causal_thresholds(self._normal.points(), self._seen.points(), self._options)

    def see(self, smoothed: float) -> None:
        """Count an EMA value, usual or not: Otsu needs both classes."""
        self._seen.add(smoothed)

    def learn(self, t_s: float, unit: Float64, smoothed: float | None) -> None:
        """Count a window as usual. The very first has no EMA value; the warm-up begins with it."""
        if self._since_s is None:
            self._since_s = t_s
        self._reference.learn(unit)
        if smoothed is not None:
            self._normal.add(smoothed)

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
