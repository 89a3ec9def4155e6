"""Statistics of LeRobot data sets equal those that numpy computes over all frames."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.dataset.rows import Row
from exporters.lerobot.frames import frame_columns, number
from exporters.lerobot.statistics import (
    QUANTILES,
    counted,
    frame_statistics,
    picture_statistics,
    quantiles,
)
from tests.support.episodes import episode, row_of


def row(frames: int, caption: str = "", histogram: "np.ndarray[Any, Any] | None" = None) -> Row:
    actions = [{"t_start_s": 0, "t_end_s": 1, "active": True, "subtask": caption}] if caption else []
    counts = np.ones((3, 256), np.int64) if histogram is None else histogram
    return row_of(episode(frames=frames, fps=20, actions=actions), counts.astype("<i8").tobytes())


@pytest.mark.parametrize("lengths", [[1], [7, 7, 7], [30, 22, 28, 1, 300]])
def test_columns_have_the_statistics_of_all_their_frames(lengths: list[int]) -> None:
    numbering = number([row(length, "abc"[place % 3]) for place, length in enumerate(lengths)])
    statistics = frame_statistics(numbering)
    columns = frame_columns(numbering, 0, len(lengths))
    assert list(statistics) == list(columns)
    for name, column in columns.items():
        wide = column.astype(np.float64)
        expected = [
            wide.min(),
            wide.max(),
            wide.mean(),
            wide.std(),
            len(wide),
            *np.quantile(wide, list(QUANTILES.values())),
        ]
        assert np.allclose([value[0] for value in statistics[name].values()], expected, rtol=1e-12), name


@pytest.mark.slow
@given(st.lists(st.integers(0, 20), min_size=1, max_size=30))
def test_values_that_are_counted_are_as_if_written_out(numbers: list[int]) -> None:
    values, counts = np.unique(np.array(numbers, np.float64), return_counts=True)
    statistics = counted(values, counts) | quantiles(values, counts)
    assert statistics["std"][0] == pytest.approx(np.std(numbers))
    for name, share in QUANTILES.items():
        assert statistics[name][0] == pytest.approx(np.quantile(numbers, share))


def test_pictures_have_the_statistics_of_their_histograms_together() -> None:
    dark, bright = np.zeros((3, 256), np.int64), np.zeros((3, 256), np.int64)
    dark[:, 0], bright[:, 255] = 30, 10
    rows = [row(5, histogram=dark), row(7, histogram=bright)]
    statistics = picture_statistics(rows)
    assert statistics["count"] == [12]
    assert np.ravel([statistics["min"], statistics["max"]]).tolist() == [0.0] * 3 + [1.0] * 3
    assert np.allclose(np.ravel(statistics["mean"]), 0.25)
    assert np.shape(statistics["q99"]) == (3, 1, 1)
    assert np.allclose(np.ravel(statistics["q50"]), 0.0)
