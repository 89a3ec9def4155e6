"""Cutting a clip: which picture each frame shows."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.pipeline.items import Picture
from stream.run.cut import EARLY_S, Cut, Scheduler


def shown_by(cuts: list[Cut], fps: int, times_s: list[float]) -> list[list[int]]:
    """For each cut, the picture that each of its frames shows."""
    scheduler = Scheduler(cuts, fps)
    frames: list[list[int]] = [[] for _ in cuts]
    for index, t_s in enumerate(times_s):
        t_next_s = times_s[index + 1] if index + 1 < len(times_s) else float("inf")
        picture = Picture(index, t_s, t_next_s - t_s, None)  # type: ignore[arg-type]  # no pixels are looked at
        for number, count in scheduler.show(picture, t_next_s).frames:
            frames[number] += [index] * count
    return frames


def cut(t_start_s: float, frames: int) -> Cut:
    return Cut(Path("clip.mp4"), t_start_s, frames)


def test_at_the_clips_own_rate_each_picture_is_shown_once() -> None:
    times_s = [number / 20 for number in range(40)]
    assert shown_by([cut(0.0, 20), cut(1.0, 20)], 20, times_s) == [list(range(20)), list(range(20, 40))]


def test_times_that_were_rounded_in_a_record_do_not_shift_frames() -> None:
    times_s = [number / 30 for number in range(60)]
    assert shown_by([cut(0.3333, 30)], 30, times_s) == [list(range(10, 40))]


def test_a_lower_rate_drops_pictures_and_a_higher_one_repeats_them() -> None:
    times_s = [number / 20 for number in range(20)]
    assert shown_by([cut(0.0, 10)], 10, times_s) == [list(range(0, 20, 2))]
    assert shown_by([cut(0.0, 40)], 40, times_s) == [[number // 2 for number in range(40)]]


def test_a_hole_shows_the_picture_before_it() -> None:
    times_s = [0.0, 0.1, 0.2, 0.7, 0.8]
    assert shown_by([cut(0.0, 9)], 10, times_s) == [[0, 1, 2, 2, 2, 2, 2, 3, 4]]


@given(
    st.lists(st.integers(1, 40), min_size=2, max_size=60),
    st.integers(1, 60),
    st.integers(0, 100),
    st.integers(1, 50),
)
def test_a_frame_shows_the_picture_of_its_time(steps: list[int], fps: int, start: int, count: int) -> None:
    times_s = [sum(steps[:number]) / 100 for number in range(len(steps))]
    (frames,) = shown_by([cut(min(start / 100, times_s[-1]), count)], fps, times_s)
    assert len(frames) == count
    for number, index in enumerate(frames):
        t_s = min(start / 100, times_s[-1]) + number / fps
        assert times_s[index] <= t_s + EARLY_S + 1e-9
        assert index + 1 == len(times_s) or t_s < times_s[index + 1] - EARLY_S + 1e-9


def test_cuts_that_touch_and_overlap_are_all_complete() -> None:
    times_s = [number / 20 for number in range(40)]
    frames = shown_by([cut(1.0, 10), cut(0.0, 30), cut(1.5, 10)], 20, times_s)
    assert frames == [list(range(20, 30)), list(range(30)), list(range(30, 40))]


@pytest.mark.parametrize("after_s", [0.0, 5.0])
def test_a_cut_beyond_the_clip_never_begins(after_s: float) -> None:
    scheduler = Scheduler([cut(2.0 + after_s, 5)], 20)
    scheduler.show(Picture(0, 0.0, 0.05, None), 0.05)  # type: ignore[arg-type]  # no pixels are looked at
    assert not scheduler.done
