"""The published detection, against its definition and against its published numbers."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.detection.centroid import unit_rows
from stream.detection.offline import (
    debounce,
    detect_from_scores,
    detect_offline,
    moving_average,
    typicality_scores,
    window_edges_s,
)
from stream.detection.options import DetectorOptions
from stream.detection.thresholds import Thresholds
from tests.support.properties import examples

CLIP_1 = Path(__file__).parents[2].parent / "shared" / "published" / "egoclean_clip1.npz"
"""Unit vectors whose Gram matrix was read off the figure that EgoClean (calicartels/EgoClean on GitHub) published of
its first clip, with the published score and EMA curves."""
published = pytest.mark.skipif(not CLIP_1.exists(), reason="the published curves are not on this machine")


@examples()
@given(st.integers(0, 1000), st.integers(2, 30))
def test_typicality_is_the_mean_cosine_to_all_others(seed: int, n: int) -> None:
    """The dot product with the sum gives what the N x N matrix without its diagonal would."""
    vectors = np.random.default_rng(seed).normal(0.3, 1, (n, 4, 3))
    units = np.array(list(unit_rows(vectors)))
    cosines = units @ units.T
    expected = 1 - (cosines.sum(axis=1) - np.diag(cosines)) / (n - 1)
    np.testing.assert_allclose(typicality_scores(vectors), expected, atol=1e-12)


def test_moving_average_by_its_recursion() -> None:
    """e_0 = x_0, e_i = alpha x_i + (1 - alpha) e_(i-1)."""
    np.testing.assert_allclose(moving_average(np.array([1.0, 0.0, 2.0]), 0.25), [1.0, 0.75, 1.0625])


def test_debounce_and_hysteresis() -> None:
    """Three in a row above theta_on open at the first of them; three in a row below theta_off close at the first."""
    above, between, below = 0.9, 0.5, 0.1
    values = np.array([above, above, below, above, above, above, between, below, below, between, *[below] * 3, above])
    assert debounce(values, Thresholds(0.2, 0.8, 0.4), 3, 3) == [(3, 10)]
    assert debounce(values[:9], Thresholds(0.2, 0.8, 0.4), 3, 3) == [(3, 9)]


def test_a_window_lasts_until_the_next_one() -> None:
    """N starts give N + 1 edges; the last stride is that before it, and 1 s for a single window."""
    np.testing.assert_array_equal(window_edges_s(np.array([0.0, 2.0, 5.0])), [0, 2, 5, 8])
    np.testing.assert_array_equal(window_edges_s(np.array([4.0])), [4, 5])


def test_a_stretch_shorter_than_the_shortest_is_dropped() -> None:
    """At two windows a second, three windows are 1.5 s: no anomaly."""
    vectors = np.tile([1.0, 0.0], (100, 1))
    vectors[50:53] = [0.0, 1.0]
    options = DetectorOptions(alpha=1, shortest_s=3)
    assert detect_offline(vectors, np.arange(100.0), options).anomalies == [(50, 53)]
    assert detect_offline(vectors, np.arange(100) / 2, options).anomalies == []


@published
def test_gives_the_published_scores_thresholds_and_segments() -> None:
    """Scores to 2e-4, median and threshold to 0.001, both segments (209-264 s, 416-431 s) to 1 s."""
    clip = np.load(CLIP_1)
    detection = detect_offline(clip["embeddings"], clip["timestamps_s"].astype(float), DetectorOptions())
    np.testing.assert_allclose(detection.scores, clip["raw_score"], atol=2e-4)
    np.testing.assert_allclose(detection.smoothed, clip["ema_score"], atol=2e-4)
    assert detection.thresholds.median == pytest.approx(0.2435, abs=0.001)
    assert detection.thresholds.on == pytest.approx(0.2644, abs=0.001)
    assert detection.thresholds.off == pytest.approx((0.2435 + 0.2644) / 2, abs=0.001)
    np.testing.assert_allclose(detection.anomalies, [(209, 264), (416, 431)], atol=1)


@pytest.mark.parametrize("spread", [0.0, 1e-17, 1e-12])
def test_scores_that_differ_by_rounding_alone_have_no_anomaly(spread: float) -> None:
    """Windows that are all alike, but for rounding, give thresholds that nothing exceeds, and no error."""
    scores = 0.25 + spread * np.arange(40.0)
    detection = detect_from_scores(scores, np.arange(40.0), DetectorOptions())
    assert detection.anomalies == []
    assert detection.thresholds.median <= detection.thresholds.on
