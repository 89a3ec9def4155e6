"""``<stem>_diagnostics.png``: does the clip repeat itself, and where does it change?"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from exporters.figures import style
from exporters.figures.matrices import Similarity, draw_similarity
from exporters.figures.time_axis import draw_curve, set_time_axis, widen

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Float64: TypeAlias = npt.NDArray[np.float64]

SIZE_IN: Final = (7.2, 6.2)
"""Width and height, inches: a page's text width."""


@dataclass(frozen=True, slots=True)
class Autocorrelation:
    """How alike the clip is to itself a while later."""

    lag_s: Float64
    """(L,) float64, rising."""
    value: Float64
    """(L,) float64, -1 to 1."""
    limit: Float64
    """(L,) float64: what a peak must reach to be significant."""
    period_s: float | None
    """Repetition period, where one is significant."""
    period_share: float = 0.0
    """Of the usual work's time, that in which a period is significant."""


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """Everything that the figure shows."""

    title: str
    t_s: Float64
    """(N,) float64 window starts, seconds."""
    distance: Float64
    """(N - 1,) float64 cosine distance of each window but the first to the one before."""
    mean: Similarity
    temporal: Similarity
    autocorrelation: Autocorrelation | None
    """None where there are too few windows."""


def draw_diagnostics(figure: "Figure", data: Diagnostics) -> None:
    """Draw the four panels."""
    panels = figure.subplots(2, 2)
    style.title(figure, data.title)
    draw_distance(panels[0, 0], data)
    draw_similarity(panels[0, 1], data.mean, "(b) similarity, mean-pooled")
    draw_autocorrelation(panels[1, 0], data.autocorrelation)
    draw_similarity(panels[1, 1], data.temporal, "(d) similarity, temporal tokens")


def draw_distance(axes: "Axes", data: Diagnostics) -> None:
    """Change from window to window."""
    axes.set_title("(a) change from window to window")
    axes.set_ylabel("cosine distance")
    set_time_axis(axes.xaxis, data.mean.cells.t_start_s, data.mean.cells.t_end_s, ticks_max=6)
    axes.set_xlim(data.mean.cells.t_start_s, data.mean.cells.t_end_s)
    if len(data.distance) == 0:
        style.say(axes, "one window: nothing to compare")
        return
    draw_curve(axes, data.t_s[1:], data.distance, color=style.BLUE)
    widen(axes)
    axes.set_ylim(bottom=0)


def draw_autocorrelation(axes: "Axes", found: Autocorrelation | None) -> None:
    """Correlation over lag, the band of noise, and the period if there is one."""
    axes.set_title("(c) repetition of the usual work")
    axes.set_xlabel("lag (s)")
    axes.set_ylabel("autocorrelation")
    if found is None:
        style.say(axes, "too few windows for a lag")
        return
    axes.fill_between(
        found.lag_s, 0, found.limit, color=style.PALE, linewidth=0, label="a peak here is not significant"
    )
    axes.axhline(0, color=style.GREY, linewidth=0.5)
    axes.plot(found.lag_s, found.value, color=style.BLUE)
    if found.period_s is not None:
        label = f"period {found.period_s:.1f} s, in {found.period_share:.0%} of the time"
        axes.axvline(found.period_s, color=style.VERMILION, linestyle="--", label=label)
    axes.set_xlim(0, found.lag_s[-1])
    axes.set_ylim(top=1.2)
    axes.legend(loc="upper right", title=None if found.period_s else "no significant period", title_fontsize=7)
