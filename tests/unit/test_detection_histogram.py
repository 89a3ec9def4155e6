"""The adaptive histogram: equal to a plain one in its final bins, bounded, and able to forget."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.detection.histogram import BINS, DecayingHistogram
from stream.detection.thresholds import median_and_sigma, otsu, weighted_median, weighted_samples
from stream.pipeline.items import Float64
from stream.pipeline.state import take
from tests.support.properties import examples

NEVER = 10**9
scales = st.sampled_from([1e-7, 1e-3, 0.3, 2.0])
samples = st.tuples(scales, st.lists(st.floats(-1, 1), min_size=1, max_size=80)).map(lambda s: s[0] * np.array(s[1]))
repeatable = examples()


def filled(values: Float64, memory: int = NEVER) -> DecayingHistogram:
    histogram = DecayingHistogram(memory)
    for value in values:
        histogram.add(float(value))
    return histogram


@repeatable
@given(samples)
def test_equals_the_batch_histogram_after_every_sample(values: Float64) -> None:
    """After each sample the bins are those that all samples so far give at once, to the last count."""
    histogram = DecayingHistogram(NEVER)
    for n, value in enumerate(values, start=1):
        histogram.add(float(value))
        middles, counts = np.unique(
            (np.floor(values[:n] / histogram.width) + 0.5) * histogram.width, return_counts=True
        )
        points = histogram.points()
        np.testing.assert_array_equal(points.values, middles)
        np.testing.assert_array_equal(points.weights, counts)


@repeatable
@given(samples)
def test_statistics_are_within_a_bin_of_the_exact_ones(values: Float64) -> None:
    """Median and MAD of the histogram lie within one bin of those of the samples."""
    histogram = filled(values)
    median, sigma = median_and_sigma(histogram.points())
    exact_median, exact_sigma = median_and_sigma(weighted_samples(values))
    assert abs(median - exact_median) <= histogram.width
    assert abs(sigma - exact_sigma) <= 1.4826 * 1.5 * histogram.width


def test_otsu_is_within_a_bin_of_the_exact_one() -> None:
    """On two classes the threshold of the histogram is that of the samples, to a bin."""
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0.24, 0.01, 400), rng.normal(0.4, 0.02, 90)])
    histogram = filled(values)
    assert abs(otsu(histogram.points()).threshold - otsu(weighted_samples(values)).threshold) <= histogram.width


def test_resolution_follows_the_range() -> None:
    """Bins are as fine as the number of bins allows for what was counted."""
    assert filled(np.array([0.2, 0.2 + 1e-6])).width < 1e-8
    assert 1.0 / BINS <= filled(np.array([0.2, 1.2])).width <= 2.0 / BINS


def test_forgets_by_the_formula() -> None:
    """Once the total weight is the memory, every sample fades the older ones by 1 - 1 / memory."""
    values = np.repeat([0.1, 0.5], [30, 20])
    points = filled(values, memory=10).points()
    faded = 0.9 ** np.arange(20)
    assert points.weights[1] == pytest.approx(faded.sum())
    assert points.weights.sum() == pytest.approx(10)


def test_memory_is_constant_and_old_values_vanish() -> None:
    """What was not seen for long is gone, the weight stays at the memory, and the state does not grow."""
    histogram = filled(np.concatenate([[1.9], np.random.default_rng(1).normal(0.2, 0.01, 3000)]), memory=100)
    assert histogram.points().values.max() < 0.3
    assert histogram.points().weights.sum() == pytest.approx(100)
    assert len(take(histogram.snapshot(), "weights", np.ndarray)) <= BINS


@repeatable
@given(samples)
def test_the_median_is_that_of_its_bins(values: Float64) -> None:
    """With decay and without, the median is the lower weighted one of the centres of the bins."""
    for histogram in (filled(values), filled(values, memory=10)):
        assert histogram.median == weighted_median(*histogram.points())


@pytest.mark.parametrize("samples", [0, 1, 49, 50, 200])
def test_snapshot_restores_exactly(samples: int) -> None:
    """A restored histogram continues as the first one does, whether its samples decay already or not."""
    rng = np.random.default_rng(2)
    first = filled(rng.normal(0.3, 0.1, samples), memory=50)
    second = DecayingHistogram(50)
    second.restore(first.snapshot())
    for value in rng.normal(0.5, 0.4, 100):
        first.add(float(value))
        second.add(float(value))
    np.testing.assert_array_equal(first.points().values, second.points().values)
    np.testing.assert_array_equal(first.points().weights, second.points().weights)


def test_an_empty_file_is_an_error() -> None:
    """Emptiness can be asked for before statistics are."""
    assert DecayingHistogram(5).empty
    assert not filled(np.array([0.0])).empty
    assert weighted_median(*filled(np.array([0.0])).points()) == pytest.approx(0, abs=math.ldexp(1, -30))
