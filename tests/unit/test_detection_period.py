"""Repetition periods: found where there are some, never invented."""

import numpy as np
import pytest

from stream.detection.period import autocorrelation, confirmed_period, effective_dimension, lagged_products, repetition
from stream.pipeline.items import Float64


def repeated(period: float, windows: int, signal: float, seed: int, dimensions: int = 64) -> Float64:
    """A cycle with a harmonic in four random directions, and noise of variance 1 in all."""
    rng = np.random.default_rng(seed)
    phase = 2 * np.pi * (np.arange(windows) / period + rng.uniform())
    cycle = np.stack([np.cos(phase), np.sin(phase), 0.6 * np.cos(2 * phase), 0.6 * np.sin(2 * phase)], axis=1)
    return signal * cycle @ rng.normal(size=(4, dimensions)) / 8 + rng.normal(size=(windows, dimensions)) / 8


def remembered_noise(memory: float, windows: int, dimensions: int, seed: int) -> Float64:
    """First-order autoregression."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(windows + 200, dimensions))
    for i in range(1, len(noise)):
        noise[i] += memory * noise[i - 1]
    return noise[200:]


def period_of(vectors: Float64) -> float | None:
    result = repetition(vectors)
    return result.period if result else None


@pytest.mark.parametrize(
    ("period", "signal"),
    [(3.3, 3.0), *((period, signal) for period in (5.0, 7.5, 9.6, 14.2, 30.0) for signal in (0.7, 3.0))],
)
def test_finds_known_periods(period: float, signal: float) -> None:
    """Periods from three samples to a quarter of the length, also fractions of a sample, to 3%."""
    periods = [period_of(repeated(period, 120, signal, seed)) for seed in range(10)]
    assert periods == [pytest.approx(period, rel=0.03)] * 10


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9, 0.99, 1.0])
@pytest.mark.parametrize("dimensions", [4, 128])
def test_invents_no_period_in_noise(memory: float, dimensions: int) -> None:
    """White noise, noise with a memory and random walks have no period, at any length."""
    periods = [
        period_of(remembered_noise(memory, windows, dimensions, seed))
        for windows in (20, 60, 120)
        for seed in range(30)
    ]
    assert periods == [None] * 90


def test_needs_three_cycles() -> None:
    """A cycle that was seen only twice is not called a repetition."""
    assert period_of(repeated(50.0, 120, 3.0, 0)) is None


def halves(period: float, windows: int, seed: int) -> Float64:
    """A cycle whose halves are much alike."""
    rng = np.random.default_rng(seed)
    phase = 2 * np.pi * np.arange(windows) / period
    waves = [weight * wave(k * phase) for k, weight in ((2, 1.0), (4, 0.5), (1, 0.7)) for wave in (np.cos, np.sin)]
    return np.stack(waves, axis=1) @ rng.normal(size=(6, 64)) / 8 + 0.2 * rng.normal(size=(windows, 64)) / 8


@pytest.mark.parametrize("windows", [90, 120, 140])
def test_half_of_a_period_out_of_reach_is_not_a_period(windows: int) -> None:
    """A cycle of 50 windows fits less than three times, and its half, which does, is not taken for it."""
    assert [period_of(halves(50.0, windows, seed)) for seed in range(10)] == [None] * 10
    assert [period_of(halves(50.0, 200, seed)) for seed in range(10)] == [pytest.approx(50, rel=0.03)] * 10


def test_vectors_confirm_a_period_only_if_they_repeat() -> None:
    """Of vectors that repeat at first and then do not, the first ones confirm it, and the others do not."""
    vectors = np.concatenate([repeated(9.0, 120, 2.0, 0), remembered_noise(0.9, 40, 64, 1) / 8])
    found, centred, slots = repetition(vectors), vectors - vectors.mean(axis=0), np.arange(160)
    assert found is not None
    first, last = (slots >= 80) & (slots < 110), slots >= 130
    assert confirmed_period(centred, slots, found, first) == pytest.approx(9.0, rel=0.03)
    assert confirmed_period(centred, slots, found, last) is None


@pytest.mark.parametrize("blocks", [30, 300, 700])
def test_products_at_lags_by_their_formula(blocks: int) -> None:
    """The mean inner product of all pairs at a lag whose later vector is among those named, however many there are."""
    rng = np.random.default_rng(blocks)
    vectors, slots = rng.normal(size=(blocks, 3)), np.cumsum(rng.integers(1, 3, blocks))
    later = rng.random(blocks) < 0.5
    pairs, mean = lagged_products(vectors, 12, slots, later)
    for lag in range(13):
        both = [
            (j, i)
            for i in range(blocks)
            for j in range(max(0, i - 12), i + 1)
            if later[i] and slots[i] - slots[j] == lag
        ]
        assert pairs[lag] == len(both)
        assert mean[lag] == pytest.approx(np.mean([vectors[j] @ vectors[i] for j, i in both]))


@pytest.mark.parametrize("vectors", [np.ones((60, 8)), np.zeros((0, 8)), np.eye(4)])
def test_too_little_or_constant_has_none(vectors: Float64) -> None:
    """Constant work, and fewer windows than a period can be seen in, have no period."""
    assert period_of(vectors) is None


def test_autocorrelation_by_its_formula() -> None:
    """The mean inner product of centred vectors at each lag, over that at lag 0."""
    vectors = np.array([[1.0, 0.0], [-1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    pairs, r = autocorrelation(vectors, 2)
    np.testing.assert_array_equal(pairs, [4, 3, 2])
    np.testing.assert_allclose(r, [1, -1, 1])


def test_missing_vectors_leave_the_pairs_of_the_others() -> None:
    """Only vectors that are a lag apart in time count for it, and a lag without any has no value."""
    vectors = np.array([[1.0], [-1.0], [1.0], [-1.0]])
    pairs, r = autocorrelation(vectors, 3, np.array([0, 1, 4, 5]))
    np.testing.assert_array_equal(pairs, [4, 2, 0, 1])
    np.testing.assert_allclose(r, [1, -1, np.nan, -1])


@pytest.mark.parametrize("holes", [[(58, 81), (139, 150)], [(30, 33)], [(50, 57), (100, 107), (150, 157)]])
def test_a_period_is_found_across_interruptions(holes: list[tuple[int, int]]) -> None:
    """Stretches that are each too short for three cycles have a period together, wherever they resume the cycle."""
    slots = np.array([slot for slot in range(200) if not any(start <= slot < end for start, end in holes)])
    vectors = repeated(21.0, 200, 3.0, 0)[slots]
    result = repetition(vectors, slots, 120)
    assert result is not None
    assert result.period == pytest.approx(21.0, rel=0.03)
    assert len(result.autocorrelation) == len(result.limit) == 41
    assert result.autocorrelation[21] > np.nanmax(autocorrelation(vectors, 40)[1][18:25])


def test_noise_with_interruptions_has_no_period() -> None:
    """Lags with few pairs, or none, are not called periods."""
    slots = np.array([slot for slot in range(300) if slot % 40 < 9])
    results = [repetition(remembered_noise(memory, len(slots), 16, 0), slots) for memory in (0.0, 0.9, 1.0)]
    assert [each and each.period for each in results] == [None] * 3
    assert all(each is not None and np.isnan(each.limit).any() for each in results)


def test_effective_dimension_counts_independent_directions() -> None:
    """Equal variance in k directions has dimension k."""
    vectors = np.random.default_rng(0).normal(size=(1000, 6))
    vectors[:, 3:] *= 1e-3
    assert effective_dimension(vectors) == pytest.approx(3, abs=0.1)
