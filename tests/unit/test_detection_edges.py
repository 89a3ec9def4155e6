"""Edges are found in the unsmoothed score."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.detection.edges import offset, onset
from stream.detection.thresholds import Thresholds
from stream.pipeline.items import Float64
from tests.support.properties import examples

AT = Thresholds(median=0.2, on=0.3, off=0.25)
scores = st.lists(st.integers(0, 100), min_size=1, max_size=40).map(lambda s: np.array(s) / 100)


def test_onset_is_where_the_score_steps_up() -> None:
    """A clean step is found to the window; each window above by a full rise counts 1."""
    index = onset(np.array([0.2, 0.21, 0.19, 0.4, 0.41, 0.39, 0.4]), AT, 0)
    assert index.start == 3
    assert index.evidence == pytest.approx(3.9)


def test_one_freak_window_is_little_evidence() -> None:
    """However high, a single window counts 1, and the usual ones after it count against it."""
    assert onset(np.array([0.2, 9.0, 0.2, 0.2]), AT, 0).evidence < 0


def test_a_dip_does_not_move_the_onset() -> None:
    """One usual window inside an anomaly does not make it begin later."""
    assert onset(np.array([0.2, 0.2, 0.4, 0.4, 0.22, 0.4, 0.4]), AT, 0).start == 2


def test_offset_is_where_the_score_steps_down() -> None:
    """A clean step is found to the window, also with one high window after it; a score still high has no end."""
    found = offset(np.array([0.4, 0.4, 0.4, 0.2, 0.2, 0.26, 0.2]), 0.25, 0.2)
    assert found.start == 3
    assert found.depth == pytest.approx(2.8)
    assert offset(np.array([0.2, 0.4, 0.4]), 0.25, 0.2) == (3, 0)


@examples()
@given(scores)
def test_edges_maximise_their_sums_over_all_tails(values: Float64) -> None:
    """No other tail has more evidence of an onset, or lies further below the level of an offset."""
    heights = np.clip((values - AT.on) / 0.1, -1, 1)
    start = onset(values, AT, 0)
    assert start.evidence == pytest.approx(max(heights[i:].sum() for i in range(len(values))))
    assert start.evidence == pytest.approx(heights[start.start :].sum())
    depths = np.clip((0.5 - values) / 0.3, -1, 1)
    end = offset(values, 0.5, 0.2)
    assert end.depth == pytest.approx(max(depths[i:].sum() for i in range(len(values) + 1)))
    assert end.depth == pytest.approx(depths[end.start :].sum())
