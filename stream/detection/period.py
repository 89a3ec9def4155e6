"""Finds the repetition period of a sequence of vectors, if it is significant."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream.pipeline.items import Float64

FEWEST_CYCLES = 3
"""Minimum number of periods in the sequence."""
SIGNIFICANT_SIGMAS = 5.0
"""Prominence of an autocorrelation peak in standard errors; high, since it is the best of tens of lags."""
DOUBTFUL_SIGMAS = 1.5
"""The same of a peak that is too high for lower ones to be called a period."""
SMALLEST_PEAK = 0.1
"""A repetition that explains a smaller fraction of the variance is not useful."""
SAME_PEAK = 0.7
"""Peaks at a period and its multiples are at least this fraction of the highest one."""
MOST_CYCLES = 4
"""A period is refined on its multiples up to this one: their peaks are as sharp, but at larger lags."""
NEAR = 0.25
"""A peak belongs to a multiple of the period if it is within this fraction of the period."""
CONFIRMED = 0.5
"""Some vectors repeat as all do if their peak is at least this fraction as prominent as that of all."""
_PARTS_MAX = 3
"""A peak between two samples may be missed: the first one is then at so many periods."""
_MOST_PEAKS = 0.8
"""Share of the high peaks that are at multiples of the period."""
_FEWEST_PAIRS = 3.0
"""Pairs of vectors that a lag needs to confirm a period."""
_BLOCK = 256
"""Vectors whose inner products with those before them are computed at once."""


@dataclass(frozen=True, slots=True)
class Repetition:
    """How a sequence of vectors repeats itself."""

    autocorrelation: Float64
    """(lags + 1,) -1 to 1; NaN at a lag without a pair of vectors."""
    limit: Float64
    """(lags + 1,) the height that a peak must exceed to be significant; NaN at the same lags."""
    period: float | None
    """In samples; None if no peak is significant, or if those that are fit no period within reach."""


def repetition(
    vectors: Float64, slots: npt.NDArray[np.intp] | None = None, vectors_max: int | None = None
) -> Repetition | None:
    """Find out how a sequence of vectors repeats itself; None if it is constant or too short.

    A period must fit ``FEWEST_CYCLES`` times into the sequence. Twice these lags are searched: if the first high peak
    is at one of the others, the lower ones before it are parts of a period that is out of reach, and there is none.
    Segments and figures both ask this function, so their periods differ only if their vectors do.

    Args:
        vectors: (n, k), in order of time.
        slots: (n,) their rising positions on an even grid, if vectors are missing between them.
        vectors_max: search only the lags that this many vectors have, although there are more of them.
    """
    lags = min(len(vectors), vectors_max or len(vectors)) // FEWEST_CYCLES
    if lags < 3 or not np.any(np.ptp(vectors, axis=0)):
        return None
    pairs, r = autocorrelation(vectors, 2 * lags, slots)
    samples = np.asarray(pairs * effective_dimension(vectors), np.float64)
    return Repetition(r[: lags + 1], peak_limit(r, samples)[: lags + 1], _period(r, samples, lags))


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
    pairs, mean = lagged_products(vectors - vectors.mean(axis=0), lags, slots)
    return pairs, mean / mean[0]


def lagged_products(
    centred: Float64,
    lags: int,
    slots: npt.NDArray[np.intp] | None = None,
    later: npt.NDArray[np.bool_] | None = None,
) -> tuple[npt.NDArray[np.intp], Float64]:
    """Number of pairs of (n, k) vectors, and their mean inner product, at each lag: two arrays (lags + 1,).

    ``later`` (n,): only pairs whose later vector is one of these. A lag without a pair has NaN. With ``slots``, lags
    above the distance from the first to the last are left out.
    """
    where = np.arange(len(centred)) if slots is None else slots - slots[0]
    lags = min(lags, int(where[-1]))
    rows = np.arange(len(centred)) if later is None else np.flatnonzero(later)
    pairs, products = np.zeros(lags + 1, np.intp), np.zeros(lags + 1)
    for block in np.array_split(rows, range(_BLOCK, len(rows), _BLOCK)):
        first = int(np.searchsorted(where, where[block[0]] - lags))
        earlier = slice(first, int(block[-1]) + 1)
        distance = where[block][:, None] - where[None, earlier]
        near = (distance >= 0) & (distance <= lags)
        pairs += np.bincount(distance[near], minlength=lags + 1)
        products += np.bincount(distance[near], (centred[block] @ centred[earlier].T)[near], minlength=lags + 1)
    return pairs, np.divide(products, pairs, out=np.full(lags + 1, np.nan), where=pairs > 0)


def confirmed_period(
    centred: Float64, slots: npt.NDArray[np.intp], found: Repetition, inside: npt.NDArray[np.bool_]
) -> float | None:
    """The period, in samples, of those vectors that are ``inside`` (n,), near the one that was found in all of them.

    It is that of the pairs whose later vector is inside. None if these do not repeat so: at no multiple of the period
    does their autocorrelation have a peak that rises above the trough before it by ``CONFIRMED`` of what that of all
    vectors does.
    """
    if found.period is None:
        return None
    lags = math.ceil((MOST_CYCLES + NEAR) * found.period) + 1
    pairs, mean = lagged_products(centred, lags, slots, inside)
    r = mean / mean[0]
    whole = found.autocorrelation[: round(found.period) + 1]
    needed = CONFIRMED * float(whole[-1] - np.nanmin(whole))
    lowest = np.fmin.accumulate(r)
    peaks = [
        (lag, height)
        for lag, height in _peaks(np.where(pairs >= max(_FEWEST_PAIRS, found.period / 4), r, np.nan))
        if height > SMALLEST_PEAK and height - lowest[round(lag)] >= needed
    ]
    period = None
    for cycles in range(1, MOST_CYCLES + 1):
        expected = cycles * (found.period if period is None or cycles == 2 else period)
        near = [peak for peak in peaks if abs(peak[0] - expected) < NEAR * found.period]
        if near:
            period = max(near, key=lambda peak: peak[1])[0] / cycles
    return period


def effective_dimension(vectors: Float64) -> float:
    """Number of independent directions in which (n, k) vectors vary: (trace of covariance)^2 / |covariance|^2."""
    centred = vectors - vectors.mean(axis=0)
    gram = centred @ centred.T if len(centred) <= centred.shape[1] else centred.T @ centred
    return float(np.trace(gram) ** 2 / np.sum(gram**2))


def peak_limit(r: Float64, samples: Float64, sigmas: float = SIGNIFICANT_SIGMAS) -> Float64:
    """The height that a peak must exceed at each lag of an autocorrelation.

    A peak must rise above the trough before it by ``sigmas`` standard errors (Bartlett, "On the theoretical
    specification and sampling properties of autocorrelated time-series", 1946): the autocorrelation of correlated
    noise falls and does not rise again.

    Args:
        r: (lags + 1,), NaN where there is no pair.
        samples: (lags + 1,) independent values behind each lag: its pairs, times the effective dimensions of a vector.
    """
    variance = 2 * np.cumsum(np.nan_to_num(r) ** 2) - 1
    error = np.sqrt(np.divide(variance, samples, out=np.full(len(r), np.nan), where=samples > 0))
    limit: Float64 = np.maximum(np.fmin.accumulate(r) + sigmas * error, SMALLEST_PEAK)
    return limit


def _period(r: Float64, samples: Float64, lag_max: int) -> float | None:
    """The first high peak of the autocorrelation, refined on its multiples, in samples; None if beyond ``lag_max``.

    Peaks are high compared with the highest one, and with those at up to three times the lag. These need less
    significance, and may be beyond ``lag_max``: they only cast doubt on lower ones.
    """
    limit, doubt = peak_limit(r, samples), peak_limit(r, samples, DOUBTFUL_SIGMAS)
    peaks = [(lag, height) for lag, height in _peaks(r) if height > doubt[round(lag)]]
    certain = [(lag, height) for lag, height in peaks if height > limit[round(lag)] and lag <= lag_max]
    highest = max((height for _, height in certain), default=0.0)
    high = [
        lag
        for lag, height in certain
        if height >= SAME_PEAK * max(highest, *(other for far, other in peaks if far <= (_PARTS_MAX + NEAR) * lag))
    ]
    if not high:
        return None
    period = high[0]
    for parts in range(1, _PARTS_MAX + 1):
        multiples = np.array(high) / (period / parts)
        if np.mean(np.abs(multiples - np.round(multiples)) <= NEAR) >= _MOST_PEAKS:
            period /= parts
            break
    for cycles in range(2, MOST_CYCLES + 1):
        nearest = min(high, key=lambda lag: abs(lag - cycles * period))
        if abs(nearest - cycles * period) < NEAR * period:
            period = nearest / cycles
    return period


def _peaks(r: Float64) -> list[tuple[float, float]]:
    """Lag in samples and height of each peak, in ascending order."""
    return [
        top_of_parabola(lag, *r[lag - 1 : lag + 2]) for lag in range(2, len(r) - 1) if r[lag - 1] < r[lag] >= r[lag + 1]
    ]


def top_of_parabola(x: int, left: float, middle: float, right: float) -> tuple[float, float]:
    """Position and height of the vertex of the parabola through the values at ``x - 1``, ``x`` and ``x + 1``."""
    shift = (left - right) / (left - 2 * middle + right) / 2
    return x + float(shift), float(middle - (left - right) * shift / 4)
