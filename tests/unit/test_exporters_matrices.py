"""Similarity matrices by blocks are what the whole matrix, averaged, would be."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.figures.matrices import Cells, cells_of, colour_limits, similarity
from tests.support.properties import examples

Float32 = npt.NDArray[np.float32]


def unit_rows(count: int, dims: int = 12, seed: int = 0) -> Float32:
    """Random directions."""
    rows = np.random.default_rng(seed).standard_normal((count, dims)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def in_blocks(rows: Float32, size: int) -> Iterator[Float32]:
    """As they come from a file."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


@examples(40)
@given(
    count=st.integers(1, 60), cells_max=st.integers(1, 20), block=st.integers(1, 17), holes=st.sets(st.integers(1, 58))
)
def test_cells_average_the_whole_matrix(count: int, cells_max: int, block: int, holes: set[int]) -> None:
    """Every cell is the mean of the full matrix over its windows, however the rows come; a cell without any is NaN."""
    slots = np.array([slot for slot in range(count) if slot not in holes])
    rows = unit_rows(len(slots))
    cells = cells_of(slots * 0.5 + 3.0, cells_max)
    matrix = similarity(in_blocks(rows, block), cells).values
    whole = rows @ rows.T
    assert matrix.shape == (cells.count, cells.count)
    assert cells.count <= cells_max
    for row in range(cells.count):
        for column in range(cells.count):
            part = whole[np.ix_(cells.of_window == row, cells.of_window == column)]
            expected = part.mean() if part.size else np.nan
            assert matrix[row, column] == pytest.approx(expected, abs=1e-5, nan_ok=True)


def test_short_clip_is_not_averaged() -> None:
    """With at most as many windows as cells the matrix is the plain one."""
    rows = unit_rows(40)
    matrix = similarity([rows], cells_of(np.arange(40.0)))
    assert np.allclose(matrix.values, rows @ rows.T, atol=1e-6)
    assert (matrix.cells.cell_s, matrix.cells.t_start_s, matrix.cells.t_end_s) == (1.0, 0.0, 40.0)


def test_windows_a_little_off_their_stride_keep_their_cell() -> None:
    """Frame times do not fall on whole strides: jitter leaves no empty cell and no double one, missing windows do."""
    t_s = np.arange(100) + np.random.default_rng(1).uniform(-0.2, 0.2, 100)
    assert np.array_equal(cells_of(t_s).of_window, np.arange(100))
    slots = np.delete(np.arange(100), np.s_[40:52])
    assert np.array_equal(cells_of(t_s[slots]).of_window, slots)


def test_eight_hours_become_a_matrix_of_bounded_size() -> None:
    """28,800 windows fill at most 512 cells of equal length, in whole windows."""
    cells = cells_of(np.arange(28_800.0))
    assert cells.count == 506
    assert cells.cell_s == 57.0
    assert np.bincount(cells.of_window)[:-1].tolist() == [57] * 505


def test_vectors_and_windows_must_agree() -> None:
    """Fewer vectors than windows are an error, not a matrix with zeros."""
    with pytest.raises(ValueError, match="3 vectors for 4 windows"):
        similarity([unit_rows(3)], Cells(0.0, 1.0, np.arange(4)))


def test_colours_are_not_spent_on_the_diagonal() -> None:
    """The limits span what differs: the diagonal's ones and empty cells do not count."""
    values = np.full((30, 30), 0.5, np.float32)
    values[:15, :15] = 0.7
    values[3] = np.nan
    np.fill_diagonal(values, 1.0)
    assert colour_limits(values) == pytest.approx((0.5, 0.7))
    assert colour_limits(np.ones((1, 1), np.float32)) == (0.0, 1.0)
    low, high = colour_limits(np.full((5, 5), 0.9, np.float32))
    assert low < 0.9 < high
