"""The random control: what detectors score that know how many events there are, and how long, but not where."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np

from stream.evaluation.metrics import Counts, Float64, count
from stream.evaluation.types import ClipAnomalies, edges_of

DRAWS = 1000
"""Number of random detectors; it gives the 95th percentile to within one or two percentiles."""
HEADLINE = "mean_iou"
"""The metric that decides whether predictions beat the control. It has no threshold, so it separates skill from luck
even if a clip has only two or three events and F1 takes only a few values."""
_SLACK = 1e-9  # equal values may differ in the last digit, because their sums were taken in another order


@dataclass(frozen=True, slots=True)
class Chance:
    """One metric, and what random detectors reach in it."""

    value: float
    random_mean: float
    random_p95: float
    p_value: float
    """(1 + number of random detectors at least as good) / (1 + number of all) (Phipson and Smyth, 2010)."""
    beats: bool
    """Whether the value is above the 95th percentile of the random detectors."""


def control(clips: Iterable[ClipAnomalies], seed: int, draws: int = DRAWS) -> Counts:
    """Pooled counts of ``draws`` random detectors, whose events have the number and durations of the predictions."""
    rng = np.random.default_rng(seed)
    return reduce(add, (count(_scattered(clip, rng, draws), edges_of(clip.true)) for clip in clips))


def compare(actual: Counts, random: Counts) -> dict[str, Chance | None]:
    """Each metric beside chance; None if it is undefined."""
    return {
        name: None if value is None or drawn is None else _chance(float(value), drawn)
        for (name, value), drawn in zip(actual.qualities().items(), random.qualities().values(), strict=True)
    }


def scatter(lengths_s: Float64, duration_s: float, rng: np.random.Generator, draws: int) -> Float64:
    """Place disjoint intervals of the given lengths at random, uniformly over all ways to place them in the clip.

    The free time is cut at N uniform points, and the intervals are inserted at the cuts in random order.

    Args:
        lengths_s: (N,) in seconds.
        duration_s: length of the clip.
        rng: source of randomness.
        draws: number of independent placements.

    Returns:
        (draws, N, 2) starts and ends in seconds, sorted along N.
    """
    shape = (draws, len(lengths_s))
    free_s = max(0.0, duration_s - float(lengths_s.sum()))
    cuts_s = np.sort(rng.uniform(0.0, free_s, shape), axis=1)
    lengths = rng.permuted(np.broadcast_to(lengths_s, shape), axis=1)
    ends_s = cuts_s + np.cumsum(lengths, axis=1)
    return np.stack([ends_s - lengths, ends_s], axis=-1)


def _scattered(clip: ClipAnomalies, rng: np.random.Generator, draws: int) -> Float64:
    edges = edges_of(clip.predicted)
    return scatter(edges[:, 1] - edges[:, 0], clip.duration_s, rng, draws)


def _chance(value: float, drawn: Float64) -> Chance:
    p95 = float(np.quantile(drawn, 0.95))
    as_good = int(np.sum(drawn >= value - _SLACK))
    return Chance(value, float(drawn.mean()), p95, (1 + as_good) / (1 + drawn.size), beats=value > p95 + _SLACK)
