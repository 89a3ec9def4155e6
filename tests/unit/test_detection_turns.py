"""Turns of a cycle: where a change recurs, and the same moment of each cycle where none is distinct."""

import numpy as np
import pytest

from stream.detection.turns import TurnSearch, likeness, recurring_change, turn_s
from stream.detection.work import WorkWindows
from stream.pipeline.items import Float64


def windows(times_s: Float64, phases: Float64, jump: float, seed: int = 0) -> WorkWindows:
    """Windows of a movement along a path; ``jump`` is how far its end is from its beginning, 0 of a circle."""
    rng = np.random.default_rng(seed)
    ways = rng.normal(size=(3, 32)) / np.sqrt(32)
    angle = 2 * np.pi * phases
    path = np.stack([np.cos(angle), np.sin(angle), jump * (phases % 1)], axis=1)
    noisy = path @ ways + 0.02 * rng.normal(size=(len(times_s), 32))
    return WorkWindows.of(range(len(times_s)), times_s, noisy.astype(np.float32))


def away(turn: float | None, period_s: float, start_s: float) -> float:
    """Distance to the nearest multiple of the period after ``start_s``, in periods."""
    assert turn is not None
    return abs((turn - start_s) / period_s - round((turn - start_s) / period_s))


@pytest.mark.parametrize("period_s", [7.3, 9.0, 14.0])
def test_the_turn_is_where_the_work_jumps_back(period_s: float) -> None:
    """Wherever the work begins in its cycle, the turn is where the cycle does, to a stride."""
    times_s = np.arange(60.0)
    for first in (0.0, 0.3, 0.6):
        work = windows(times_s, times_s / period_s + first, jump=4.0)
        found = turn_s(work, TurnSearch(period_s, 59.0 - period_s, 59.0, 0.0, ()))
        assert away(found, period_s, -first * period_s) <= 0.5 / period_s + 0.02


@pytest.mark.parametrize("period_s", [5.0, 7.3, 9.0, 14.0])
def test_without_a_distinct_change_a_turn_is_where_the_work_began(period_s: float) -> None:
    times_s = np.arange(60.0)
    work = windows(times_s, times_s / period_s, jump=0.0)
    assert away(turn_s(work, TurnSearch(period_s, 57.0 - period_s, 57.0, 0.0, ())), period_s, 0.0) <= 0.06


def test_later_turns_look_like_earlier_ones_also_after_an_interruption() -> None:
    """A gap shifts the phase; the turn after it is the same moment of the cycle as the one before it."""
    times_s = np.concatenate([np.arange(50.0), np.arange(80.0, 130.0)])
    phases = np.concatenate([np.arange(50.0) / 9.0, np.arange(50.0) / 9.0 + 0.37])
    work = windows(times_s, phases, jump=0.0)
    runs = (times_s >= 80.0).astype(np.intp)
    work = WorkWindows(work.times_s, work.vectors, runs, 1.0)
    found = turn_s(work, TurnSearch(9.0, 118.0, 128.0, 80.0, (30.0,)))
    assert found is not None
    phase = (found - 80.0) / 9.0 + 0.37 - 30.0 / 9.0
    assert abs(phase - round(phase)) <= 0.06


def test_recurring_change_is_the_mean_over_whole_periods() -> None:
    """By its formula, at times of windows: squared differences of windows two strides apart, a period apart, of which
    half a stride before and after is midway to the neighbour."""
    times_s = np.arange(40.0)
    work = windows(times_s, times_s / 8.0, jump=1.0)
    change = np.concatenate([[np.nan], np.sum((work.vectors[2:] - work.vectors[:-2]) ** 2, axis=1), [np.nan]])
    smooth = [(each + (each + left) / 2 + (each + right) / 2) / 3
              for left, each, right in zip(change, change[1:], change[2:], strict=False)]  # fmt: skip
    found = recurring_change(work, np.array([20.0, 36.0, 3.0]), 8.0)
    np.testing.assert_allclose(found, [np.mean([smooth[t - 1] for t in (20, 12, 4)]),
                                       np.mean([smooth[t - 1] for t in (36, 28, 20, 12)]), smooth[2]])  # fmt: skip
    assert np.isnan(recurring_change(work, np.array([-2.0]), 8.0)).all()


def test_likeness_is_a_correlation() -> None:
    """A moment is as alike as can be to itself, and moments with too little around them have none."""
    work = windows(np.arange(40.0), np.arange(40.0) / 8.0, jump=1.0)
    alike = likeness(work, np.array([20.0, 24.0, -3.0]), [20.0], 4.0)
    assert alike[0] == pytest.approx(1.0)
    model, around = work.at(20.0 + np.arange(-4.0, 5.0)), work.at(23.3 + np.arange(-4.0, 5.0))
    expected = np.vdot(model, around) / (np.linalg.norm(model) * np.linalg.norm(around))
    assert likeness(work, np.array([23.3]), [20.0], 4.0) == pytest.approx([expected])
    assert alike[1] < 0.5
    assert np.isnan(alike[2])


def test_few_windows_have_no_turn() -> None:
    work = windows(np.arange(3.0), np.arange(3.0) / 8.0, jump=1.0)
    assert turn_s(work, TurnSearch(8.0, -5.0, 3.0, 0.0, ())) is None
