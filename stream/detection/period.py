"""Finds the repetition period of a sequence of vectors, if it is significant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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


@dataclass(frozen=True, slots=True)
class Repetition:
    """How a sequence of vectors repeats itself."""

    autocorrelation: Float64
    """(lags + 1,) -1 to 1; NaN at a lag without a pair of vectors."""
    limit: Float64
    """(lags + 1,) the height that a peak must exceed to be significant; NaN at the same lags."""
    period: float | None
    """In samples; None if no peak is significant."""


def repetition(
    vectors: Float64, slots: npt.NDArray[np.intp] | None = None, vectors_max: int | None = None
) -> Repetition | None:
    """Find out how a sequence of vectors repeats itself; None if it is constant or too short.

    Segments and figures both ask this function, so their periods differ only if their vectors do.

    Args:
        vectors: (n, k), in order of time.
        slots: (n,) their rising positions on an even grid, if vectors are missing between them.
        vectors_max: search only the lags that this many vectors have, although there are more of them.
    """
    lags = min(len(vectors), vectors_max or len(vectors)) // FEWEST_CYCLES
    if lags < 3 or not np.any(np.ptp(vectors, axis=0)):
        return None
    pairs, r = autocorrelation(vectors, lags, slots)
    limit = peak_limit(r, np.asarray(pairs * effective_dimension(vectors), np.float64))
    return Repetition(r, limit, _period(r, limit))


def autocorrelation(
    vectors: Float64, lags: int, slots: npt.NDArray[np.intp] | None = None
) -> tuple[npt.NDArray[np.intp], Float64]:
    """Number of pairs and mean inner product of the centred vectors at each lag, over their variance.

    Args:
        vectors: (n, k).
        lags: the largest lag.
        slots: (n,) as for ``repetition``.

    Returns:
        Two arrays (lags + 1,).
    """
    where = np.arange(len(vectors)) if slots is None else slots - slots[0]
    centred = np.zeros((where[-1] + 1, vectors.shape[1]))
    centred[where] = vectors - vectors.mean(axis=0)
    present = np.zeros(len(centred), np.intp)
    present[where] = 1
    spans = [(slice(len(centred) - lag), slice(lag, None)) for lag in range(min(lags, len(centred) - 1) + 1)]
    pairs = np.array([present[early] @ present[late] for early, late in spans])
    products = np.array([np.vdot(centred[early], centred[late]) for early, late in spans])
    mean = np.divide(products, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
    return pairs, mean / mean[0]


def effective_dimension(vectors: Float64) -> float:
    """Number of independent directions in which (n, k) vectors vary: (trace of covariance)^2 / |covariance|^2."""
    centred = vectors - vectors.mean(axis=0)
    gram = centred @ centred.T if len(centred) <= centred.shape[1] else centred.T @ centred
    return float(np.trace(gram) ** 2 / np.sum(gram**2))


def peak_limit(r: Float64, samples: Float64) -> Float64:
    """The height that a peak must exceed at each lag of an autocorrelation.

    A peak must rise above the trough before it by ``SIGNIFICANT_SIGMAS`` standard errors (Bartlett, "On the theoretical
    specification and sampling properties of autocorrelated time-series", 1946): the autocorrelation of correlated
    noise falls and does not rise again.

    Args:
        r: (lags + 1,), NaN where there is no pair.
        samples: (lags + 1,) independent values behind each lag: its pairs, times the effective dimensions of a vector.
    """
    variance = 2 * np.cumsum(np.nan_to_num(r) ** 2) - 1
    error = np.sqrt(np.divide(variance, samples, out=np.full(len(r), np.nan), where=samples > 0))
    limit: Float64 = np.maximum(np.fmin.accumulate(r) + SIGNIFICANT_SIGMAS * error, SMALLEST_PEAK)
    return limit


def _period(r: Float64, limit: Float64) -> float | None:
    """The first high peak of the autocorrelation, refined on its multiples, in samples."""
    peaks = _significant_peaks(r, limit)
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


def _significant_peaks(r: Float64, limit: Float64) -> list[tuple[float, float]]:
    """Lag in samples and height of each peak above ``limit``, in ascending order."""
    return [
        top_of_parabola(lag, *r[lag - 1 : lag + 2])
        for lag in range(2, len(r) - 1)
        if r[lag - 1] < r[lag] >= r[lag + 1] and r[lag] > limit[lag]
    ]


def top_of_parabola(x: int, left: float, middle: float, right: float) -> tuple[float, float]:
    """Position and height of the vertex of the parabola through the values at ``x - 1``, ``x`` and ``x + 1``."""
    shift = (left - right) / (left - 2 * middle + right) / 2
    return x + float(shift), float(middle - (left - right) * shift / 4)
