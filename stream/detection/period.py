"""Finds the repetition period of a sequence of vectors, if it is significant."""

from __future__ import annotations

import numpy as np

from stream.pipeline.items import Float64

FEWEST_CYCLES = 3
"""Minimum number of periods in the sequence."""
SIGNIFICANT_SIGMAS = 5.0
"""Prominence of an autocorrelation peak in standard errors; high, since it is the best of tens of lags."""
SMALLEST_PEAK = 0.1
"""A repetition that explains a smaller fraction of the variance is not useful."""
SAME_PEAK = 0.7
"""Peaks at a period and its multiples are at least this fraction of the highest one."""
MOST_CYCLES = 4
"""A period is refined on its multiples up to this one: their peaks are as sharp, but at larger lags."""
NEAR = 0.25
"""A peak belongs to a multiple of the period if it is within this fraction of the period."""


def autocorrelation(vectors: Float64, lags: int) -> Float64:
    """(n, k) to (lags + 1,): mean inner product of the centred vectors at each lag, over their variance."""
    centred = vectors - vectors.mean(axis=0)
    products = [np.vdot(centred[: len(centred) - lag], centred[lag:]) / (len(centred) - lag) for lag in range(lags + 1)]
    return np.array(products, dtype=np.float64) / float(products[0])


def effective_dimension(vectors: Float64) -> float:
    """Number of independent directions in which (n, k) vectors vary: (trace of covariance)^2 / |covariance|^2."""
    centred = vectors - vectors.mean(axis=0)
    gram = centred @ centred.T
    return float(np.trace(gram) ** 2 / np.sum(gram**2))


def significant_peaks(vectors: Float64) -> list[tuple[float, float]]:
    """Lag in samples and height of each significant peak (``peak_limit``) of the autocorrelation of (n, k) vectors, in
    ascending order."""
    lags = len(vectors) // FEWEST_CYCLES
    if lags < 3 or not np.any(np.ptp(vectors, axis=0)):
        return []
    r = autocorrelation(vectors, lags)
    limit = peak_limit(r, len(vectors), effective_dimension(vectors))
    return [
        top_of_parabola(lag, *r[lag - 1 : lag + 2])
        for lag in range(2, lags)
        if r[lag - 1] < r[lag] >= r[lag + 1] and r[lag] > limit[lag]
    ]


def peak_limit(r: Float64, samples: int, dimensions: float) -> Float64:
    """The height that a peak must exceed at each lag of an autocorrelation ``r`` (lags + 1,) of ``samples`` vectors.

    A peak must rise above the trough before it by ``SIGNIFICANT_SIGMAS`` standard errors (Bartlett, "On the theoretical
    specification and sampling properties of autocorrelated time-series", 1946; the vectors count as many independent
    series as they have effective dimensions): the autocorrelation of correlated noise falls and does not rise again.
    """
    error = np.sqrt((2 * np.cumsum(r**2) - 1) / ((samples - np.arange(len(r))) * dimensions))
    return np.maximum(np.minimum.accumulate(r) + SIGNIFICANT_SIGMAS * error, SMALLEST_PEAK)


def repetition_period(vectors: Float64) -> float | None:
    """Period in samples of a sequence of vectors (n, k): the first high peak of the autocorrelation, refined on its
    multiples. None if no peak is significant."""
    peaks = significant_peaks(vectors)
    highest = max((height for _, height in peaks), default=0.0)
    high = [lag for lag, height in peaks if height >= SAME_PEAK * highest]
    if not high:
        return None
    period = high[0]
    for cycles in range(2, MOST_CYCLES + 1):
        nearest = min(high, key=lambda lag: abs(lag - cycles * period))
        if abs(nearest - cycles * period) < NEAR * period:
            period = nearest / cycles
    return period


def top_of_parabola(x: int, left: float, middle: float, right: float) -> tuple[float, float]:
    """Position and height of the vertex of the parabola through the values at ``x - 1``, ``x`` and ``x + 1``."""
    shift = (left - right) / (left - 2 * middle + right) / 2
    return x + float(shift), float(middle - (left - right) * shift / 4)
