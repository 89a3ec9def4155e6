"""The picture beside a calibration: where the board was seen, and by how much each corner misses the lens."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from exporters.figures import style
from stream.pipeline.items import Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE_IN: Final = (7.2, 4.6)
"""Width and height, inches: a page's text width."""
_ARROW_PX: Final = 0.04
"""Length of a typical residual's arrow, of the picture's width."""


@dataclass(frozen=True, eq=False, slots=True)
class BoardResiduals:
    """What is drawn of a calibration."""

    title: str
    summary: str
    """The line below the title."""
    size: tuple[int, int]
    """Width and height of the pictures, pixels."""
    corners: Float64
    """(n, 2) pixels, of all views."""
    residuals_px: Float64
    """(n, 2) seen minus predicted, pixels."""
    view_rms_px: Float64
    """(views,) RMS error of each."""
    held_out_rms_px: float
    """RMS error of views that the lens was not fitted to."""
    left_out: int
    """Views that did not fit."""
    coverage: Float64
    """How many views show the board there, over the whole picture."""


def draw_board_residuals(residuals: BoardResiduals, path: Path) -> None:
    """Write the picture, a PNG.

    Raises:
        OSError: it cannot be written.
    """
    with style.figure_file(path, *SIZE_IN) as figure:
        _draw(figure, residuals)


def _draw(figure: "Figure", residuals: BoardResiduals) -> None:
    style.title(figure, residuals.title, residuals.summary)
    grid = figure.add_gridspec(2, 2, width_ratios=(2.2, 1.0))
    _draw_picture(figure.add_subplot(grid[:, 0]), residuals)
    _draw_scatter(figure.add_subplot(grid[0, 1]), residuals)
    _draw_views(figure.add_subplot(grid[1, 1]), residuals)


def _draw_picture(axes: "Axes", residuals: BoardResiduals) -> None:
    """Coverage as grey, residuals as arrows that are enlarged."""
    width, height = residuals.size
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    count = np.minimum(residuals.coverage, 8)
    axes.imshow(count, cmap="Greys", vmin=0, vmax=16, extent=extent, interpolation="nearest")
    typical_px = max(float(np.sqrt((residuals.residuals_px**2).sum(axis=1).mean())), 1e-6)
    enlarged = _ARROW_PX * width / typical_px
    arrows = residuals.residuals_px * enlarged
    axes.quiver(
        *residuals.corners.T, *arrows.T, angles="xy", scale_units="xy", scale=1.0, width=0.002, color=style.BLUE
    )
    axes.set(xlim=(0, width - 1), ylim=(height - 1, 0), xlabel="px", ylabel="px")
    axes.set_title(f"residuals, {enlarged:.0f} x enlarged, and where the board was")


def _draw_scatter(axes: "Axes", residuals: BoardResiduals) -> None:
    across, down = residuals.residuals_px.T
    reach = max(float(np.quantile(np.abs([across, down]), 0.995)), 1e-3)
    axes.plot(across, down, linestyle="none", marker=".", markersize=1.5, color=style.BLUE, alpha=0.4)
    axes.axhline(0, color=style.GREY, linewidth=0.5)
    axes.axvline(0, color=style.GREY, linewidth=0.5)
    axes.set(xlim=(-reach, reach), ylim=(reach, -reach), xlabel="across, px", ylabel="down, px", aspect="equal")
    axes.set_title("seen minus predicted")


def _draw_views(axes: "Axes", residuals: BoardResiduals) -> None:
    errors = residuals.view_rms_px
    axes.bar(range(1, len(errors) + 1), errors, color=style.BLUE)
    axes.locator_params(axis="x", integer=True)
    axes.axhline(residuals.held_out_rms_px, color=style.VERMILION, linestyle="--", label="views not fitted")
    axes.set_ylim(0, 1.4 * max(float(errors.max()), residuals.held_out_rms_px))
    axes.legend(loc="upper right")
    axes.set(xlabel="view", ylabel="RMS, px")
    left_out = f", {residuals.left_out} left out" if residuals.left_out else ""
    axes.set_title(f"{len(errors)} views{left_out}")
