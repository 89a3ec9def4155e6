"""The random control is fair, repeatable, and decides the verdict."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.evaluation.chance import scatter
from stream.evaluation.evaluation import evaluate
from stream.evaluation.types import ClipAnomalies, Stretch
from tests.support.properties import examples

TRUE = (Stretch(60, 80), Stretch(140, 158))
FOUND = ClipAnomalies("found", predicted=(Stretch(61, 82), Stretch(141, 157)), true=TRUE, duration_s=190.0)
ASTRAY = ClipAnomalies("astray", predicted=(Stretch(5, 26), Stretch(100, 116)), true=TRUE, duration_s=190.0)


@examples(60, fast=5)
@given(lengths=st.lists(st.floats(0.1, 30), max_size=6), spare_s=st.floats(0, 500), seed=st.integers(0, 9))
def test_random_events_have_the_right_lengths_and_never_overlap(
    lengths: list[float], spare_s: float, seed: int
) -> None:
    """Every draw lies within the clip, is in order and disjoint, and has just the lengths it was given."""
    total_s = sum(lengths) + spare_s
    samples = scatter(np.array(lengths), total_s, np.random.default_rng(seed), draws=20)
    assert samples.shape == (20, len(lengths), 2)
    for draw in samples:
        assert sorted(end - start for start, end in draw) == pytest.approx(sorted(lengths))
        assert all(start >= 0 and end <= total_s + 1e-6 for start, end in draw)
        assert all(one[1] <= following[0] + 1e-9 for one, following in pairwise(draw))


def test_random_events_lie_anywhere_alike() -> None:
    """One event of 10 s in 110 s begins in each tenth of the first 100 s a tenth of the time."""
    starts = scatter(np.array([10.0]), 110.0, np.random.default_rng(0), draws=20_000)[:, 0, 0]
    shares = np.histogram(starts, bins=10, range=(0, 100))[0] / len(starts)
    assert shares == pytest.approx(np.full(10, 0.1), abs=0.01)


def test_chance_agrees_with_its_own_probability() -> None:
    """A 10 s event in a 110 s clip is hit within 2 s by chance with probability 4/100, and so says the control."""
    clip = ClipAnomalies("one", predicted=(Stretch(50, 60),), true=(Stretch(50, 60),), duration_s=110.0)
    chance = evaluate([clip], seed=1).chances["f1_edges_2s"]
    assert chance is not None
    assert chance.random_mean == pytest.approx(0.04, abs=0.02)
    assert chance.p_value == pytest.approx(0.04, abs=0.02)


def test_control_is_the_same_for_the_same_seed_only() -> None:
    """One seed gives one result, to the last digit; another gives another."""
    one, again, other = (evaluate([FOUND, ASTRAY], seed).chances for seed in (3, 3, 4))
    assert one == again
    assert one != other


def test_good_predictions_beat_chance_and_others_do_not() -> None:
    """Predictions at the true events beat the control, the same ones elsewhere do not."""
    assert evaluate([FOUND], seed=0).beats_random is True
    assert evaluate([ASTRAY], seed=0).beats_random is False


@pytest.mark.slow
def test_random_detectors_do_not_beat_themselves() -> None:
    """Of 200 detectors that are random themselves about one in twenty or fewer beats the control."""
    places = scatter(np.array([21.0, 16.0]), 190.0, np.random.default_rng(7), draws=200)
    luck = [
        evaluate([ClipAnomalies("luck", tuple(Stretch(*edges) for edges in place), TRUE, 190.0)], seed=0).beats_random
        for place in places.tolist()
    ]
    assert sum(each is True for each in luck) <= 15


@pytest.mark.parametrize(("predicted", "true", "side"), [((), TRUE, "predicted"), (TRUE, (), "true")])
def test_no_events_no_verdict(predicted: tuple[Stretch, ...], true: tuple[Stretch, ...], side: str) -> None:
    """Where a side has no event nothing is said of chance, and the sentence names that side."""
    evaluation = evaluate([ClipAnomalies("none", predicted, true, 190.0)], seed=0)
    assert evaluation.beats_random is None
    assert f"there is no {side} event" in evaluation.verdict


def test_clip_full_of_predictions_leaves_chance_no_room() -> None:
    """Where the predictions fill the clip every random detector is the same, and nothing beats it."""
    clip = ClipAnomalies("full", predicted=(Stretch(0, 190),), true=TRUE, duration_s=190.0)
    chance = evaluate([clip], seed=0).chances["time_f1"]
    assert chance is not None
    assert chance.random_mean == pytest.approx(chance.value)
    assert not chance.beats
