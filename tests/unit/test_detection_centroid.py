"""The reference: a running sum that scores like the mean over all that was learned."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.detection.centroid import RunningCentroid, unit_rows, unit_vector
from stream.errors import InputError
from stream.pipeline.items import Float64
from tests.support.properties import examples


def units(seed: int, n: int, dimensions: int = 7) -> Float64:
    return np.array(list(unit_rows(np.random.default_rng(seed).normal(0.5, 1, (n, dimensions)))))


@examples()
@given(st.integers(0, 1000), st.integers(2, 40))
def test_score_equals_the_mean_cosine_distance_after_every_sample(seed: int, n: int) -> None:
    """The dot product with the sum is 1 - the mean of all cosines to what was learned."""
    vectors, reference = units(seed, n), RunningCentroid(memory=10**9)
    for i, unit in enumerate(vectors):
        if i:
            assert reference.score(unit) == pytest.approx(1 - float(np.mean(vectors[:i] @ unit)), abs=1e-6)
        reference.learn(unit)
    assert reference.weight == n


def test_fades_by_the_formula() -> None:
    """Beyond the memory, each vector weighs 1 - 1 / memory to the power of its age, and the weight stays constant."""
    vectors, reference = units(0, 60), RunningCentroid(memory=10)
    for unit in vectors:
        reference.learn(unit)
    weights = 0.9 ** np.arange(60)[::-1]
    weights[:10] = weights[9]  # the first ten came before anything faded
    probe = units(1, 1)[0]
    assert reference.weight == pytest.approx(10)
    assert reference.score(probe) == pytest.approx(1 - float(weights @ (vectors @ probe)) / weights.sum(), abs=1e-6)


def test_state_is_one_sum_and_restores_exactly() -> None:
    """The state of 32768 dimensions is 128 KB however much was learned."""
    reference, again = RunningCentroid(1000), RunningCentroid(1000)
    for unit in units(2, 30, 32768):
        reference.learn(unit)
    state = reference.snapshot()
    assert np.asarray(state["sum"]).nbytes == 32768 * 4
    again.restore(state)
    probe = units(3, 1, 32768)[0]
    assert again.score(probe) == reference.score(probe)


@examples()
@given(st.integers(0, 1000), st.integers(1, 20), st.integers(1, 20))
def test_what_absorbs_another_has_learned_both(seed: int, n: int, m: int) -> None:
    """The score is the mean cosine distance to all vectors of both, and the weight their number up to the memory."""
    vectors, probe = units(seed, n + m), units(seed + 1, 1)[0]
    first, second = RunningCentroid(memory=30), RunningCentroid(memory=30)
    for unit in vectors[:n]:
        first.learn(unit)
    for unit in vectors[n:]:
        second.learn(unit)
    first.absorb(second)
    assert first.score(probe) == pytest.approx(1 - float(np.mean(vectors @ probe)), abs=1e-6)
    assert first.weight == pytest.approx(min(30, n + m))


def test_a_vector_of_another_length_is_refused() -> None:
    """Embeddings of two encoders do not mix: the error names both lengths."""
    reference = RunningCentroid(10)
    reference.learn(units(0, 1)[0])
    with pytest.raises(InputError, match="5 values, but earlier ones have 7"):
        reference.score(units(0, 1, 5)[0])


@pytest.mark.parametrize("bad", [np.zeros((4, 3)), np.array([1.0, np.nan]), np.array([np.inf, 0.0])])
def test_what_has_no_direction_has_no_unit_vector(bad: Float64) -> None:
    """Zero vectors, NaN and infinity give None, and among rows an error that names the row."""
    assert unit_vector(bad) is None
    with pytest.raises(InputError, match="embedding 1 of 2 is zero or not finite"):
        list(unit_rows(np.stack([np.ones_like(bad), bad])))


def test_half_precision_does_not_overflow() -> None:
    """float16 tokens whose squares would overflow are normalised in float64, and flattened."""
    unit = unit_vector(np.full((32, 1024), 6e4, dtype=np.float16))
    assert unit is not None
    assert unit.shape == (32768,)
    assert np.linalg.norm(unit) == pytest.approx(1)
