"""Which frames are shown: evenly where one step has to do for all, never as if they were even."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.annotators.frame_selection import OFF_S_MAX, OFF_SHARE_MAX, even_choice, spread_choice
from tests.support.properties import examples

SECONDS = [float(t) for t in range(100)]


@pytest.mark.parametrize(
    ("times_s", "most", "shown_s"),
    [
        (SECONDS[:4], 8, SECONDS[:4]),
        ([0.0, 1.001, 2.002, 3.003], 8, [0.0, 1.001, 2.002, 3.003]),
        ([0.0, 0.97, 2.03, 3.0], 8, [0.0, 0.97, 2.03, 3.0]),  # the first frames after each second
        (SECONDS[:10], 4, [0.0, 3.0, 6.0, 9.0]),
        (SECONDS[:32], 32, SECONDS[:32]),
        (SECONDS[:33], 32, SECONDS[:32]),  # not half of them, for the sake of the last one
        (SECONDS[:36], 32, SECONDS[2:34]),
        (SECONDS[:65], 32, SECONDS[1:64:2]),
        ([0.0, 0.2, 9.8, 10.0], 8, [0.2, 9.8]),
        ([0.0, 1.0, 2.0, 8.0], 8, [0.0, 1.0, 2.0]),
        ([0.0, 1.0, 2.0, 3.0, 4.0, 14.0, 15.0, 16.0], 8, [0.0, 1.0, 2.0, 3.0, 4.0]),
        ([t for t in SECONDS[:30] if t != 15], 32, SECONDS[0:30:2]),  # a wider step leads over the gap
        ([t for t in SECONDS[:30] if t not in (7, 16)], 32, SECONDS[0:30:3]),
        ([5.0], 8, [5.0]),
        ([0.0, 1.0], 1, [0.0]),
    ],
)
def test_choice_is_even(times_s: list[float], most: int, shown_s: list[float]) -> None:
    """Even frames are all shown, or as many as may be; over a gap a wider step leads, or one side is left out."""
    assert [times_s[index] for index in even_choice(times_s, most)] == shown_s


@examples(60)
@given(st.lists(st.floats(0.001, 5.0), min_size=1, max_size=50), st.integers(1, 32))
def test_frames_times_are_those_in_the_metadata(steps_s: list[float], most: int) -> None:
    """Whatever the frames' times: those chosen lie on one even grid but for a tenth of its step, or 50 ms."""
    times_s = np.cumsum(steps_s).tolist()
    shown_s = [times_s[index] for index in even_choice(times_s, most)]
    assert 1 <= len(shown_s) <= most
    told_s, step_s = np.linspace(shown_s[0], shown_s[-1], len(shown_s), retstep=True)
    if len(shown_s) > 1:
        assert np.abs(told_s - shown_s).max() <= max(OFF_SHARE_MAX * step_s, OFF_S_MAX) + 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("fps", [1.0, 4.0, 10.0, 30.0])
def test_dense_frames_are_shown_in_about_as_many_as_allowed(fps: float) -> None:
    """A segment whose frames are dense enough is seen in nearly as many as allowed, from its start to its end."""
    indices = even_choice([index / fps for index in range(round(64 * fps) + 1)], 32)
    assert len(indices) >= 26
    assert indices[0] / fps <= 1.0
    assert indices[-1] / fps >= 63.0


def test_keyframes_of_a_rate_that_does_not_divide_the_cameras_are_even() -> None:
    """Ten pictures a second of a camera of 24: the first after each tenth, which is late by up to 42 ms."""
    times_s = [-(-index * 24 // 10) / 24 for index in range(30)]
    assert len(even_choice(times_s, 32)) == 30


@pytest.mark.parametrize(("count", "frames_max"), [(3, 3), (32, 32), (33, 32), (65, 32), (900, 32)])
def test_spread_choice_has_all_that_may_be_shown(count: int, frames_max: int) -> None:
    """If each time is given, as many frames as allowed are shown, the first and the last among them."""
    chosen = spread_choice(count, 32)
    assert len(set(chosen)) == len(chosen) == frames_max
    assert (chosen[0], chosen[-1]) == (0, count - 1)
