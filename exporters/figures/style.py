"""The style and the files of all figures: sizes, fonts, colors. No state of matplotlib outlives a figure."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stream.errors import ModelUnavailableError, printable
from stream.records.store.atomic import replace_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI: Final = 200

# Okabe and Ito's palette, distinguishable with all common kinds of color vision (https://jfly.uni-koeln.de/color/).
BLACK: Final = "#000000"
BLUE: Final = "#0072B2"
GREEN: Final = "#009E73"
ORANGE: Final = "#E69F00"
VERMILION: Final = "#D55E00"
GREY: Final = "#999999"
PALE: Final = "#E6E6E6"

MATRIX_COLOURS: Final = "inferno"
"""Uniform to the eye and monotone in lightness; the original pipeline's choice."""

_STYLE: Final = {
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.titlesize": 9.5,
    "legend.fontsize": 7,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.85,
    "lines.linewidth": 0.9,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "savefig.dpi": DPI,
}


def require_matplotlib() -> None:
    """See that figures can be drawn, before anything is computed.

    Raises:
        ModelUnavailableError: matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise ModelUnavailableError(
            "figures need the Python package matplotlib, which is not installed: "
            "pip install -e '.[plots]' in the project's folder"
        )


def title(figure: "Figure", *lines: str) -> None:
    """Put a title over all panels, each line as it is: names of clips are not mathematics, nor several lines."""
    figure.suptitle("\n".join(map(printable, lines)), parse_math=False)


def say(axes: "Axes", text: str) -> None:
    """Put words where there is nothing to draw."""
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, color=GREY)


@contextmanager
def figure_file(path: Path, width_in: float, height_in: float) -> Iterator["Figure"]:
    """A figure to draw on, in inches; at the end of the block it is a PNG of 200 dots an inch at ``path``.

    The same drawing gives the same bytes: the user's own matplotlib settings and the date stay out of it.
    """
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with style.context(["default", _STYLE]):
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        png = io.BytesIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph", UserWarning)  # a clip's name in a script without a font: boxes
            figure.savefig(png, format="png", dpi=DPI, metadata={"Software": "egoclean-stream"})
    replace_file(path, png.getvalue())
