"""The style and the files of all figures: sizes, fonts, colors, formats. No state of matplotlib outlives a figure."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from models.packages import how_to_install_extra
from stream.errors import ModelUnavailableError, printable
from stream.records.store.atomic import replace_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FigureFormat: TypeAlias = Literal["png", "pdf", "svg"]
"""A file format of figures, which is also the ending of their names."""

DPI: Final = 200
"""Of a PNG, and of matrices in the other formats; their lines and text are vectors."""
TITLE_CHARS_MAX: Final = 90
"""Length of a title up to which it fits on one line of a page's text width."""

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

_SEPARATOR: Final = "  ·  "

_METADATA: Final[dict[FigureFormat, dict[str, str | None]]] = {
    "png": {"Software": "egoclean-stream"},
    "pdf": {"Creator": "egoclean-stream", "CreationDate": None},
    "svg": {"Creator": "egoclean-stream", "Date": None},
}
_STYLE: Final = {
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.titlesize": 9.5,
    "figure.constrained_layout.h_pad": 0.07,
    "figure.constrained_layout.w_pad": 0.07,
    "legend.fontsize": 7,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.85,
    "lines.linewidth": 0.9,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "savefig.dpi": DPI,
    "pdf.fonttype": 42,  # TrueType, as journals ask for; text stays text
    "svg.hashsalt": "egoclean-stream",  # ids in an SVG are random without it
}


def require_matplotlib() -> None:
    """See that figures can be drawn, before anything is computed.

    Raises:
        ModelUnavailableError: matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise ModelUnavailableError(
            f"figures need the Python package matplotlib, which is not installed: {how_to_install_extra('plots')}"
        )


def title(figure: "Figure", name: str, *facts: str) -> None:
    """Put a clip's name and facts over all panels, on one line or, if that is too long, on two.

    Each text is drawn as it is: names of clips are not mathematics, nor several lines.
    """
    lines = [_SEPARATOR.join(map(printable, (name, *facts)))]
    if facts and len(lines[0]) > TITLE_CHARS_MAX:
        lines = [printable(name), _SEPARATOR.join(map(printable, facts))]
    figure.suptitle("\n".join(lines), parse_math=False)


def say(axes: "Axes", text: str) -> None:
    """Put words where there is nothing to draw."""
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, color=GREY)


@contextmanager
def figure_file(path: Path, width_in: float, height_in: float) -> Iterator["Figure"]:
    """A figure to draw on, in inches; at the end of the block it is at ``path``, in the format of the path's ending.

    The same drawing gives the same bytes: the user's own matplotlib settings and the date stay out of it.
    """
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with style.context(["default", _STYLE]):
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        file_format = next(each for each in _METADATA if path.suffix == f".{each}")
        data = io.BytesIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph", UserWarning)  # a clip's name in a script without a font: boxes
            figure.savefig(data, format=file_format, dpi=DPI, metadata=_METADATA[file_format])
    replace_file(path, data.getvalue())
