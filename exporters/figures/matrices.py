"""Similarity matrices of any length of stream, averaged over blocks: N x N numbers never exist."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from exporters.figures import style
from exporters.figures.time_axis import set_time_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Float32: TypeAlias = npt.NDArray[np.float32]
Float64: TypeAlias = npt.NDArray[np.float64]

CELLS_MAX: Final = 512
"""Cells along a side: about the pixels that a matrix gets on the page."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Equal stretches of time, each a row and a column of a matrix; windows are put in by their start."""

    t_start_s: float
    cell_s: float
    of_window: npt.NDArray[np.intp]
    """(N,) index of each window's cell, ascending."""

    @property
    def count(self) -> int:
        """Along a side."""
        return int(self.of_window[-1]) + 1

    @property
    def t_end_s(self) -> float:
        """End of the last cell."""
        return self.t_start_s + self.count * self.cell_s


@dataclass(frozen=True, slots=True)
class Similarity:
    """Mean cosine similarity of all pairs of windows of two cells."""

    cells: Cells
    values: Float32
    """(cells, cells) float32; NaN where a cell has no window."""


def cells_of(t_s: Float64, cells_max: int = CELLS_MAX) -> Cells:
    """One cell a window, or as many windows a cell as keep the cells within ``cells_max``.

    Missing windows leave cells empty; that a window starts some frames early or late does not.

    Args:
        t_s: (N,) float64 window starts, rising; N at least 1.
    """
    slots = np.zeros(len(t_s), np.intp)
    stride_s = 1.0
    if len(t_s) > 1:
        strides = np.diff(t_s) / np.median(np.diff(t_s))
        slots[1:] = np.cumsum(np.maximum(1, np.rint(strides)))
        stride_s = float(t_s[-1] - t_s[0]) / int(slots[-1])
    slots_a_cell = -(-(int(slots[-1]) + 1) // cells_max)
    return Cells(float(t_s[0]), stride_s * slots_a_cell, slots // slots_a_cell)


def similarity(unit_blocks: Iterable[Float32], cells: Cells) -> Similarity:
    """Average cosine similarity between cells, exactly, from one pass over the windows.

    The mean over all pairs of a sum is the sum of means: mean_ij(x_i . y_j) = mean_i(x_i) . mean_j(y_j).

    Args:
        unit_blocks: all windows' vectors in order, (n, D) float32 at a time, each of length 1.
        cells: where the windows belong.
    """
    sums: Float32 | None = None
    done = 0
    for block in unit_blocks:
        if sums is None:
            sums = np.zeros((cells.count, block.shape[1]), np.float32)
        where = cells.of_window[done : done + len(block)]
        runs = np.flatnonzero(np.diff(where, prepend=-1))
        sums[where[runs]] += np.add.reduceat(block, runs, axis=0)
        done += len(block)
    if sums is None or done != len(cells.of_window):
        raise ValueError(f"{done} vectors for {len(cells.of_window)} windows")
    windows = np.bincount(cells.of_window, minlength=cells.count).astype(np.float32)
    with np.errstate(invalid="ignore"):
        means = sums / windows[:, None]  # 0 / 0 is NaN: a cell without a window stays empty
        return Similarity(cells, means @ means.T)


def draw_similarity(axes: "Axes", matrix: Similarity, title: str) -> None:
    """Draw a matrix over stream time on both axes, with its colour bar."""
    from matplotlib import colormaps

    low, high = colour_limits(matrix.values)
    start_s, end_s = matrix.cells.t_start_s, matrix.cells.t_end_s
    image = axes.imshow(
        matrix.values,
        cmap=colormaps[style.MATRIX_COLOURS].with_extremes(bad=style.PALE),
        vmin=low,
        vmax=high,
        extent=(start_s, end_s, end_s, start_s),
        interpolation="nearest",
    )
    for axis in (axes.xaxis, axes.yaxis):
        set_time_axis(axis, start_s, end_s, ticks_max=6)
    axes.set_title(title)
    axes.figure.colorbar(image, ax=axes, extend="both", fraction=0.05, pad=0.03, label="cosine similarity")


def colour_limits(values: Float32) -> tuple[float, float]:
    """From the 1st to the 99th percentile of what is not on the diagonal, whose ones would wash the rest out."""
    others = values[~np.eye(len(values), dtype=bool)]
    seen = others[np.isfinite(others)]
    if not len(seen):
        return 0.0, 1.0
    low, high = (float(limit) for limit in np.percentile(seen, (1, 99)))
    return (low, high) if high - low > 1e-6 else (low - 0.5, high + 0.5)
