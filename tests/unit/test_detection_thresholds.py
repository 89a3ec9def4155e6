"""The formulas: weighted median, robust spread, Otsu, the tail, and the thresholds made of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.detection.options import DetectorOptions
from stream.detection.thresholds import (
    SMALLEST_RISE,
    TAIL_FROM,
    TAIL_SETTLES,
    WeightedSamples,
    causal_thresholds,
    median_and_sigma,
    otsu,
    tail_limit,
    weighted_median,
    weighted_samples,
)
from stream.pipeline.items import Float64
from tests.support.properties import examples

samples = st.lists(st.integers(-1000, 1000), min_size=2, max_size=60).map(lambda s: np.array(s) / 1000)
repeatable = examples()


@repeatable
@given(samples)
def test_median_of_weight_1_is_the_lower_median(values: Float64) -> None:
    """With equal weights the weighted median is the lower of the two middle samples."""
    assert weighted_median(values, np.ones(len(values))) == np.sort(values)[(len(values) - 1) // 2]


@repeatable
@given(samples, st.data())
def test_a_weight_counts_as_that_many_samples(values: Float64, data: st.DataObject) -> None:
    """A weight of k is the same as k equal samples."""
    counts = np.array(data.draw(st.lists(st.integers(1, 4), min_size=len(values), max_size=len(values))))
    repeated = np.repeat(values, counts)
    assert weighted_median(values, counts.astype(float)) == weighted_median(repeated, np.ones(len(repeated)))


def test_sigma_estimates_the_standard_deviation_and_ignores_outliers() -> None:
    """1.4826 MAD is the standard deviation of normal samples, also with a tenth of them far away."""
    values = np.random.default_rng(0).normal(3.0, 0.5, 20_000)
    values[:2000] = 90
    median, sigma = median_and_sigma(weighted_samples(values))
    assert median == pytest.approx(3.07, abs=0.02)
    assert sigma == pytest.approx(0.56, abs=0.02)


@repeatable
@given(samples)
def test_otsu_maximises_the_variance_between_its_classes(values: Float64) -> None:
    """No split of the samples separates them better than the one that Otsu gives."""
    split = otsu(weighted_samples(values))

    def between(threshold: float) -> float:
        low, high = values[values <= threshold], values[values > threshold]
        return len(low) * len(high) * float(low.mean() - high.mean()) ** 2 / len(values) ** 2

    candidates = np.unique(values)[:-1]
    if len(candidates) == 0:
        assert split == (values[0], 0.0)
    else:
        best = max(between(float(c)) for c in candidates)
        assert between(split.threshold) == pytest.approx(best)
        assert split.separability == pytest.approx(best / values.var())


@pytest.mark.parametrize(("samples", "separability"), [("normal", 0.637), ("uniform", 0.75), ("two", 1.0)])
def test_separability_of_known_distributions(samples: str, separability: float) -> None:
    """2/pi for a normal distribution, 3/4 for a uniform one, 1 for two points."""
    values = {
        "normal": np.random.default_rng(1).normal(size=50_000),
        "uniform": np.linspace(0, 1, 5001),
        "two": np.repeat([0.2, 0.9], 30),
    }[samples]
    assert otsu(weighted_samples(values)).separability == pytest.approx(separability, abs=0.01)


USUAL = weighted_samples(np.random.default_rng(2).normal(0.24, 0.01, 1000))
NONE = weighted_samples(np.zeros(0))
FLOOR_ONLY = DetectorOptions(floor_mads=5, settle_windows=0)


def test_floor_is_five_robust_deviations() -> None:
    """theta_on is the median + 5 * 1.4826 MAD, and theta_off lies half way."""
    thresholds = causal_thresholds(USUAL, NONE, FLOOR_ONLY)
    median, sigma = median_and_sigma(USUAL)
    assert thresholds.on == pytest.approx(median + 5 * sigma)
    assert thresholds.off == pytest.approx(median + 2.5 * sigma)
    assert thresholds.fast == np.inf


def test_floor_is_wider_where_few_windows_are_known() -> None:
    """Both limits lie further above the median by 1 + (settle_windows / n)^2."""
    settled = causal_thresholds(USUAL, USUAL, DetectorOptions(floor_mads=1, settle_windows=0))
    early = causal_thresholds(USUAL, USUAL, DetectorOptions(floor_mads=1, settle_windows=500))
    assert early.on - early.median == pytest.approx(1.25 * (settled.on - settled.median))
    assert early.fast - early.median == pytest.approx((1 + (TAIL_SETTLES / 2) ** 2) * (settled.fast - settled.median))


def test_a_constant_score_leaves_a_margin() -> None:
    """Work that repeats exactly has no spread: theta_on still lies above rounding errors of its score."""
    constant = weighted_samples(np.full(100, 0.2))
    thresholds = causal_thresholds(constant, constant, DetectorOptions())
    assert thresholds.on >= 0.2 + SMALLEST_RISE
    assert thresholds.fast >= 0.2 + SMALLEST_RISE


@pytest.mark.parametrize("probability", [1e-2, 1e-4, 1e-6])
def test_an_exponential_tail_is_exceeded_as_often_as_it_says(probability: float) -> None:
    """Of an exponential distribution, whose quantiles are known, the limit is right far beyond the samples."""
    samples = np.random.default_rng(4).exponential(0.02, 100_000) + 0.1
    assert tail_limit(weighted_samples(samples), probability) == pytest.approx(
        0.1 - 0.02 * np.log(probability), rel=0.02
    )


@repeatable
@given(samples, st.data())
def test_the_tail_of_weights_is_that_of_repeated_samples(values: Float64, data: st.DataObject) -> None:
    """A weight of k is the same as k equal samples, and the limit is never below the quantile where the tail begins."""
    counts = np.array(data.draw(st.lists(st.integers(1, 4), min_size=len(values), max_size=len(values))))
    order = np.argsort(values, kind="stable")
    weighted = WeightedSamples(values[order], counts[order].astype(float))
    repeated = np.repeat(values, counts)
    limit = tail_limit(weighted, 1e-5)
    assert limit == pytest.approx(tail_limit(weighted_samples(repeated), 1e-5))
    assert limit >= np.quantile(repeated, TAIL_FROM, method="inverted_cdf") - 1e-12
