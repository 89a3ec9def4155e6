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
        recent.add(float(t_s), unit)
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


def test_a_period_is_looked_for_only_after_the_last_gap() -> None:
    """Two windows a minute apart are no neighbours: too little is left after the gap, until enough followed."""
    times_s = np.concatenate([np.arange(60.0), np.arange(120.0, 180.0)])
    recent = filled(times_s, cycle(times_s, 9.0))
    assert recent.period_s(0, 125) is None
    assert recent.period_s(0, 180) == pytest.approx(9.0, rel=0.03)


def test_only_the_newest_windows_are_stored_and_restored() -> None:
    """The ring holds so many windows and no more, and a snapshot gives them back."""
    times_s = np.arange(50.0)
    recent, again = filled(times_s, cycle(times_s, 7), windows=20), WindowHistory(20)
    again.restore(recent.snapshot())
    assert recent.strongest_change_s(0, 30) is None
    assert again.strongest_change_s(0, 49) == recent.strongest_change_s(0, 49)
    assert take(recent.snapshot(), "sketches", np.ndarray).shape == (20, SKETCH_SIZE)
