"""The recent windows in small: inner products, the strongest change, the period."""

import numpy as np
import pytest

from stream.detection.centroid import unit_rows
from stream.detection.history import SKETCH_SIZE, WindowHistory, sketch
from stream.pipeline.items import Float64
from stream.pipeline.state import take


def cycle(times_s: Float64, period_s: float) -> list[Float64]:
    """Unit vectors of 1000 numbers that turn once in ``period_s``, with a little noise."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(0, 0.01, (len(times_s), 1000))
    vectors[:, 0] += np.cos(2 * np.pi * times_s / period_s)
    vectors[:, 1] += np.sin(2 * np.pi * times_s / period_s)
    return list(unit_rows(vectors))


def filled(times_s: Float64, units: list[Float64], windows: int = 120) -> WindowHistory:
    recent = WindowHistory(windows)
    for t_s, unit in zip(times_s, units, strict=True):
        recent.add(float(t_s), sketch(unit))
    return recent


def test_a_sketch_keeps_inner_products() -> None:
    """Over many pairs the inner products of sketches have no bias, and an error of about 1 / sqrt(128)."""
    units = np.array(list(unit_rows(np.random.default_rng(0).normal(0.5, 1, (60, 4100)))))
    small = np.array([sketch(unit) for unit in units])
    errors = (small @ small.T - units @ units.T)[np.triu_indices(60)]
    assert small.shape == (60, SKETCH_SIZE)
    assert small.dtype == np.float32
    assert abs(errors.mean()) < 0.05
    assert errors.std() < 1.5 / np.sqrt(SKETCH_SIZE)


def test_the_strongest_change_is_found_where_it_is() -> None:
    """A jump at 23 s is the strongest change of any stretch that holds it; bounds are (after, until]."""
    times_s = np.arange(40.0)
    units = cycle(times_s, 200)
    units[23:] = [unit[::-1].copy() for unit in units[23:]]
    recent = filled(times_s, units)
    assert recent.strongest_change_s(10, 30) == 23
    assert recent.strongest_change_s(22, 23) == 23
    assert recent.strongest_change_s(23, 24) == 24
    assert recent.strongest_change_s(50, 60) is None


@pytest.mark.parametrize("stride_s", [0.5, 1.0, 2.0])
def test_the_period_is_in_seconds_at_any_stride(stride_s: float) -> None:
    """A cycle of 9 s is 9 s long, however often it is looked at."""
    times_s = np.arange(0.0, 100 * stride_s, stride_s)
    assert filled(times_s, cycle(times_s, 9.0)).period_s(0, 1000) == pytest.approx(9.0, rel=0.03)


def test_a_period_is_found_across_a_gap_and_confirmed_after_it() -> None:
    """Windows a minute apart are no neighbours; what follows a gap has the period of before once it shows it."""
    times_s = np.concatenate([np.arange(60.0), np.arange(120.0, 180.0)])
    recent = filled(times_s, cycle(times_s, 9.0))
    assert recent.period_s(120, 125) is None
    assert recent.period_s(120, 140) == pytest.approx(9.0, rel=0.03)


def test_a_stretch_that_does_not_repeat_has_no_period_of_the_work_before_it() -> None:
    """A stretch is confirmed by its own windows: what stands still or does something else for 30 s has no period."""
    times_s = np.arange(120.0)
    turning = cycle(times_s, 9.0)
    still, other = cycle(np.full(120, 3.0), 9.0), cycle(times_s, 200.0)
    assert filled(times_s, turning).period_s(90, 120) == pytest.approx(9.0, rel=0.03)
    assert filled(times_s, turning[:90] + still[90:]).period_s(90, 120) is None
    assert filled(times_s, turning[:90] + other[90:]).period_s(90, 120) is None


def test_what_is_left_out_says_nothing() -> None:
    """Windows of another work do not hide the period; a stretch that is half left out has none."""
    times_s = np.arange(120.0)
    units = cycle(times_s, 9.0)
    units[50:80] = [unit[::-1].copy() for unit in cycle(times_s, 7.0)[50:80]]
    recent = filled(times_s, units)
    recent.leave_out(50.0, 80.0)
    assert recent.period_s(80, 120) == pytest.approx(9.0, rel=0.03)
    assert recent.period_s(62, 98) is None


def test_work_that_is_over_for_good_is_forgotten() -> None:
    """After another work has become the usual one, the period is that of the new one, once it was seen three times."""
    times_s = np.arange(160.0)
    old, new = cycle(times_s, 9.0), [unit[::-1].copy() for unit in cycle(times_s, 14.0)]
    recent = filled(times_s, old[:90] + new[90:])
    recent.forget_work(90.0)
    assert recent.period_s(90, 120) is None
    assert recent.period_s(130, 160) == pytest.approx(14.0, rel=0.03)


def test_another_usual_work_says_nothing_of_this_one() -> None:
    """A worker changes between two stations, with cycles of 9 s and of 14 s: each has its own period."""
    times_s = np.arange(240.0)
    at_second = times_s // 40 % 2 == 1
    first, second = cycle(times_s, 9.0), [unit[::-1].copy() for unit in cycle(times_s, 14.0)]
    recent, again = WindowHistory(240), WindowHistory(240)
    for t_s, station, one, other in zip(times_s, at_second, first, second, strict=True):
        recent.add(float(t_s), sketch(other if station else one), int(station))
    again.restore(recent.snapshot())
    assert again.period_s(160, 200, 0) == pytest.approx(9.0, rel=0.03)
    assert again.period_s(200, 240, 1) == pytest.approx(14.0, rel=0.03)
    assert again.period_s(200, 240, 0) is None


def test_turns_are_a_period_apart_and_restored() -> None:
    """Each turn of work that restarts every 9 s is where it restarts; a restored history finds the same ones."""
    times_s = np.arange(150.0)
    units = cycle(times_s % 9.0, 15.0)  # it jumps back after 0.6 of a circle
    recent, again = filled(times_s[:61], units[:61]), WindowHistory(120)
    first = recent.turn_s(30, 60, 9.0, 0.0)
    again.restore(recent.snapshot())
    turns = []
    for history in (recent, again):
        for t_s, unit in zip(times_s[61:91], units[61:91], strict=True):
            history.add(float(t_s), sketch(unit))
        turns.append(history.turn_s(60, 90, 9.0, 0.0))
    assert turns[0] == turns[1]
    for turn in (first, turns[0]):
        assert turn is not None
        assert abs(turn - 9.0 * round(turn / 9.0)) <= 0.6


def test_only_the_newest_windows_are_stored_and_restored() -> None:
    """The ring holds so many windows and no more, and a snapshot gives them back."""
    times_s = np.arange(50.0)
    recent, again = filled(times_s, cycle(times_s, 7), windows=20), WindowHistory(20)
    again.restore(recent.snapshot())
    assert recent.strongest_change_s(0, 30) is None
    assert again.strongest_change_s(0, 49) == recent.strongest_change_s(0, 49)
    assert take(recent.snapshot(), "sketches", np.ndarray).shape == (20, SKETCH_SIZE)
