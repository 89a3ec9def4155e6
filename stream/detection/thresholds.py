"""Robust location, spread and threshold of weighted values: the formulas, free of any state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stream.detection.options import DetectorOptions
from stream.pipeline.items import Float64

MAD_TO_SIGMA = 1.4826
"""1 / the upper quartile of the standard normal distribution: makes a MAD a standard deviation."""
SMALLEST_RISE = 1e-6
"""Differences of a cosine below this are rounding (float32 embeddings)."""


class WeightedSamples(NamedTuple):
    """Values in ascending order, with the weight of each."""

    values: Float64
    """(n,) float64, ascending."""
    weights: Float64
    """(n,) float64, at least 0; the first and the last are positive."""


class OtsuSplit(NamedTuple):
    """Where Otsu's method parts a distribution in two."""

    threshold: float
    separability: float
    """Variance between the classes over the total variance: 0.64 for a normal distribution, 0.75 for a uniform
    one, 1 for two points."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The hysteresis of the detector: an anomaly opens above ``on`` and closes below ``off``."""

    median: float
    on: float
    off: float


def weighted_samples(samples: Float64) -> WeightedSamples:
    """Samples (n,) as points of weight 1."""
    return WeightedSamples(np.sort(samples), np.ones(len(samples)))


def weighted_median(values: Float64, weights: Float64) -> float:
    """The lower weighted median: the smallest value that half of the weight does not exceed. Any order."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(reached, reached[-1] / 2)]])


def median_and_sigma(points: WeightedSamples) -> tuple[float, float]:
    """Median, and 1.4826 times the median absolute deviation from it."""
    median = weighted_median(*points)
    return median, MAD_TO_SIGMA * weighted_median(np.abs(points.values - median), points.weights)


def otsu(points: WeightedSamples) -> OtsuSplit:
    """Otsu's threshold (IEEE Trans. SMC 9, 1979): the split with the greatest variance between its two classes.

    It lies midway between the neighbours that it parts. One distinct value cannot be split: it is the
    threshold itself, with separability 0.
    """
    values, weights = points
    total = float(weights.sum())
    centred = values - float(weights @ values) / total
    variance = float(weights @ centred**2) / total
    if values[0] == values[-1] or variance <= 0:  # equal values may have a variance by rounding
        return OtsuSplit(float(values[-1]), 0.0)
    share = np.cumsum(weights)[:-1] / total
    between = (np.cumsum(weights * centred)[:-1] / total) ** 2 / (share * (1 - share))
    best = int(np.argmax(between))
    return OtsuSplit(float(values[best] + values[best + 1]) / 2, float(between[best]) / variance)


def causal_thresholds(normal: WeightedSamples, seen: WeightedSamples, options: DetectorOptions) -> Thresholds:
    """The thresholds in force, from the smoothed scores so far.

    ``normal`` are those of the usual work, ``seen`` are all of them. theta_on is Otsu's threshold of what was
    seen, where that has two classes at all (it finds a split in any noise), kept between a floor and a cap that
    are counted in robust standard deviations of the usual work.
    """
    median, sigma = median_and_sigma(normal)
    few = 1 + (options.settle_windows / float(normal.weights.sum())) ** 2
    rise = max(options.floor_mads * few * sigma, options.floor_ratio * median, SMALLEST_RISE)
    split = otsu(seen)
    if split.separability > options.separability:
        rise = max(rise, min(split.threshold - median, options.otsu_cap_mads * sigma))
    return Thresholds(median, median + rise, median + options.hysteresis * rise)
