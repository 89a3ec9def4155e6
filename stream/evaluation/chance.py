"""The control: what a detector scores that knows how many events there are and how long, but not where."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np

from stream.evaluation.counts import Counts, count
from stream.evaluation.matching import Float64
from stream.evaluation.types import Clip, edges_of

DRAWS = 1000
"""Random detectors: enough to know the 95th percentile to within one or two percentiles."""
HEADLINE = "mean_iou"
"""The figure by which predictions beat the control or do not: it knows no threshold, and so tells luck from skill also
where a clip has two or three events and every F1 takes only a few values."""
_SLACK = 1e-9  # equal figures may differ in the last digit, for the sums were made in another order


@dataclass(frozen=True, slots=True)
class Chance:
    """One figure, beside what random detectors reach in it."""

    value: float
    random_mean: float
    random_p95: float
    p_value: float
    """(1 + random detectors at least as good) / (1 + all of them) (Phipson and Smyth, 2010)."""
    beats: bool
    """Above the random detectors' 95th percentile."""


def control(clips: Iterable[Clip], seed: int, draws: int = DRAWS) -> Counts:
    """Counts, pooled over the clips, of ``draws`` random detectors with the predictions' number and durations."""
    rng = np.random.default_rng(seed)
    return reduce(add, (count(_scattered(clip, rng, draws), edges_of(clip.true)) for clip in clips))


def compare(actual: Counts, random: Counts) -> dict[str, Chance | None]:
    """Each quality beside chance; None where it is not defined."""
    return {
        name: None if value is None or drawn is None else _chance(float(value), drawn)
        for (name, value), drawn in zip(actual.qualities().items(), random.qualities().values(), strict=True)
    }


def scatter(lengths_s: Float64, duration_s: float, rng: np.random.Generator, draws: int) -> Float64:
    """(draws, N, 2) disjoint intervals of the N given lengths, uniform over all ways to place them in the clip.

    The free time is cut at N uniform points, and the intervals, in random order, are laid at the cuts.
    """
    shape = (draws, len(lengths_s))
    free_s = max(0.0, duration_s - float(lengths_s.sum()))
    cuts_s = np.sort(rng.uniform(0.0, free_s, shape), axis=1)
    lengths = rng.permuted(np.broadcast_to(lengths_s, shape), axis=1)
    ends_s = cuts_s + np.cumsum(lengths, axis=1)
    return np.stack([ends_s - lengths, ends_s], axis=-1)


def _scattered(clip: Clip, rng: np.random.Generator, draws: int) -> Float64:
    edges = edges_of(clip.predicted)
    return scatter(edges[:, 1] - edges[:, 0], clip.duration_s, rng, draws)


def _chance(value: float, drawn: Float64) -> Chance:
    p95 = float(np.quantile(drawn, 0.95))
    as_good = int(np.sum(drawn >= value - _SLACK))
    return Chance(value, float(drawn.mean()), p95, (1 + as_good) / (1 + drawn.size), beats=value > p95 + _SLACK)
