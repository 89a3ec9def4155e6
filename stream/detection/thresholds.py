"""Robust location, spread and thresholds of weighted samples: stateless formulas."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stream.detection.options import DetectorOptions
from stream.pipeline.items import Float64

MAD_TO_SIGMA = 1.4826
"""1 / the upper quartile of the standard normal distribution: scales a MAD to a standard deviation."""
SMALLEST_RISE = 1e-6
"""Cosine differences below this are rounding errors (float32 embeddings)."""

LOWEST_OF = 4
"""The fast test looks at the lowest of so many scores in a row: one or two outliers do not count."""
FAST_RISES = 1.35
"""The limit of the fast test is at least so many times as far above the median as theta_on is: scores spread more where
they are not smoothed."""
TAIL_SETTLES = 2.7
"""A tail, of which there are few samples, takes so many times as many windows to settle."""
TAIL_FROM = 0.9
"""The quantile from which on samples are the tail."""


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
    fast: float = math.inf
    """An anomaly also opens once ``LOWEST_OF`` unsmoothed scores in a row lie above this."""


def weighted_samples(samples: Float64) -> WeightedSamples:
    """Samples (n,) with weight 1 each."""
    return WeightedSamples(np.sort(samples), np.ones(len(samples)))


def weighted_median(values: Float64, weights: Float64) -> float:
    """The lower weighted median: the smallest value whose cumulative weight is at least half. Values in any order."""
    order = np.argsort(values, kind="stable")
    return _median_of_ascending(values[order], weights[order])


def median_and_sigma(points: WeightedSamples) -> tuple[float, float]:
    """The median, and 1.4826 times the median absolute deviation (MAD) from it."""
    median = _median_of_ascending(*points)
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


def tail_limit(points: WeightedSamples, probability: float) -> float:
    """The value that a sample exceeds with ``probability``, at most 1 - ``TAIL_FROM``, if its tail is exponential.

    Peaks over a threshold: what exceeds the quantile ``TAIL_FROM`` is taken for exponential with the mean that it has
    (Siffer, Fouque, Termier, Largouet, "Anomaly detection in streams with extreme value theory", KDD 2017, with a shape
    of 0).
    """
    values, weights = points
    reached = np.cumsum(weights)
    quantile = float(values[np.searchsorted(reached, TAIL_FROM * reached[-1])])
    beyond = values > quantile
    if not beyond.any():
        return quantile
    mean_excess = float(weights[beyond] @ (values[beyond] - quantile)) / float(weights[beyond].sum())
    return quantile + mean_excess * math.log((1 - TAIL_FROM) / probability)


def causal_thresholds(smoothed: WeightedSamples, lowest: WeightedSamples, options: DetectorOptions) -> Thresholds:
    """The current thresholds, from the usual work so far.

    ``smoothed`` are its EMA values, ``lowest`` the lowest of each ``LOWEST_OF`` scores in a row, possibly none.
    theta_on lies ``floor_mads`` robust standard deviations above the median. The limit of the fast test is exceeded
    with the probability ``fast_rate``. Both are further above the median where they are estimated from few windows.
    """
    median, sigma = median_and_sigma(smoothed)
    rise = max(options.floor_mads * sigma * _widening(smoothed, options.settle_windows), SMALLEST_RISE)
    fast = math.inf
    if len(lowest.values) and options.fast_rate > 0:
        tail = tail_limit(lowest, options.fast_rate) - median
        few = _widening(lowest, TAIL_SETTLES * options.settle_windows)
        fast = median + max(few * tail, FAST_RISES * rise)
    return Thresholds(median, median + rise, median + options.hysteresis * rise, fast)


def _median_of_ascending(values: Float64, weights: Float64) -> float:
    reached = np.cumsum(weights)
    return float(values[np.searchsorted(reached, reached[-1] / 2)])


def _widening(samples: WeightedSamples, settle_windows: float) -> float:
    """The factor of a distance that is estimated from few samples: 1 + (settle_windows / n)^2."""
    return 1 + (settle_windows / float(samples.weights.sum())) ** 2
