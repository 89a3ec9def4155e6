"""Robust location, spread and thresholds of weighted samples: stateless formulas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stream.detection.options import DetectorOptions
from stream.pipeline.items import Float64

MAD_TO_SIGMA = 1.4826
"""1 / the upper quartile of the standard normal distribution: scales a MAD to a standard deviation."""
SMALLEST_RISE = 1e-6
"""Cosine differences below this are rounding errors (float32 embeddings)."""


class WeightedSamples(NamedTuple):
    """Values in ascending order with their weights."""

    values: Float64
    """(n,) float64, ascending."""
    weights: Float64
    """(n,) float64, at least 0; the first and the last are positive."""


class OtsuSplit(NamedTuple):
    """The split of a distribution by Otsu's method."""

    threshold: float
    separability: float
    """Between-class variance over total variance: 0.64 for a normal distribution, 0.75 for a uniform one, 1 for two
    points."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The detector's hysteresis: an anomaly opens above ``on`` and closes below ``off``."""

    median: float
    on: float
    off: float


def weighted_samples(samples: Float64) -> WeightedSamples:
    """Samples (n,) with weight 1 each."""
    return WeightedSamples(np.sort(samples), np.ones(len(samples)))


def weighted_median(values: Float64, weights: Float64) -> float:
    """The lower weighted median: the smallest value whose cumulative weight is at least half. Values in any order."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(reached, reached[-1] / 2)]])


def median_and_sigma(points: WeightedSamples) -> tuple[float, float]:
    """The median, and 1.4826 times the median absolute deviation (MAD) from it."""
    median = weighted_median(*points)
    return median, MAD_TO_SIGMA * weighted_median(np.abs(points.values - median), points.weights)


def otsu(points: WeightedSamples) -> OtsuSplit:
    """Otsu's threshold (IEEE Trans. SMC 9, 1979): the split with the greatest variance between its two classes.

    The threshold is midway between the two neighbouring values. A single distinct value cannot be split: it is the
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
    """The current thresholds, from the smoothed scores so far.

    ``normal`` are the scores of the usual work, ``seen`` are all scores. theta_on is Otsu's threshold of ``seen`` if
    those have two classes at all (Otsu finds a split in any noise), limited to a floor and a cap in robust standard
    deviations of ``normal``.
    """
    median, sigma = median_and_sigma(normal)
    few = 1 + (options.settle_windows / float(normal.weights.sum())) ** 2
    rise = max(options.floor_mads * few * sigma, options.floor_ratio * median, SMALLEST_RISE)
    split = otsu(seen)
    if split.separability > options.separability:
        rise = max(rise, min(split.threshold - median, options.otsu_cap_mads * sigma))
    return Thresholds(median, median + rise, median + options.hysteresis * rise)
