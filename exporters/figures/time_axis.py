"""Time along an axis: ticks that read as a clock, lines that break where windows are missing, bands for long curves."""

from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

Float64: TypeAlias = npt.NDArray[np.float64]

_STEPS_S: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
COLUMNS_MAX: Final = 1200
"""Points across a figure beyond which a curve would be a solid band: about the pixels of a full-width panel."""
DOTS_MAX: Final = 30
"""Windows up to which each is a dot: a line through one point cannot be seen."""
SMALLEST_SPAN: Final = 0.01
"""Of an axis of cosines."""


class TimeFormat(NamedTuple):
    """The format of the times on an axis."""

    step_s: float
    """From tick to tick."""
    unit: Literal["s", "min:s", "h:min"]

    def text(self, t_s: float) -> str:
        """A tick's text: ``0.5``, ``1:05`` or ``2:10``, by the unit."""
        match self.unit:
            case "s":
                return f"{t_s:.1f}"
            case "min:s":
                return "{}:{:02}".format(*divmod(round(t_s), 60))
            case "h:min":
                return "{}:{:02}".format(*divmod(round(t_s / 60), 60))


def time_format(t_start_s: float, t_end_s: float, ticks_max: int) -> TimeFormat:
    """The smallest round step that needs at most ``ticks_max`` ticks, and the unit that suits it."""
    steps = (step for step in _STEPS_S if (t_end_s - t_start_s) / step <= ticks_max)
    step_s = next(steps, _STEPS_S[-1])
    if step_s < 1:
        return TimeFormat(step_s, "s")
    return TimeFormat(step_s, "h:min" if step_s >= 60 and t_end_s >= 3600 else "min:s")


def set_time_axis(axis: "Axis", t_start_s: float, t_end_s: float, *, ticks_max: int = 8) -> None:
    """Give one axis of a panel ticks of stream time, and its label."""
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    tick_format = time_format(t_start_s, t_end_s, ticks_max)
    axis.set_major_locator(MultipleLocator(tick_format.step_s))
    axis.set_major_formatter(FuncFormatter(lambda t_s, _: tick_format.text(t_s)))
    axis.set_label_text(f"time ({tick_format.unit})")


def broken_at_gaps(t_s: Float64, values: Float64) -> tuple[Float64, Float64]:
    """A curve with a NaN wherever windows are missing, so that no line is drawn over the hole.

    Args:
        t_s: (N,) float64, rising.
        values: (N,) float64.
    """
    if len(t_s) < 3:
        return t_s, values
    steps = np.diff(t_s)
    holes = np.flatnonzero(steps > 2 * np.median(steps)) + 1
    return np.insert(t_s, holes, t_s[holes - 1]), np.insert(values, holes, np.nan)


def envelope(t_s: Float64, values: Float64) -> tuple[Float64, Float64, Float64]:
    """Lowest and highest value of each of ``COLUMNS_MAX`` runs of a long curve: times, lows, highs."""
    length = -(-len(t_s) // COLUMNS_MAX)
    starts = np.arange(0, len(t_s), length)
    return t_s[starts], np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)


def draw_curve(axes: "Axes", t_s: Float64, values: Float64, *, color: str, label: str = "") -> None:
    """Draw a noisy curve: a line, with dots where there are few, or for a long stream the band of lows and highs."""
    if len(t_s) <= 2 * COLUMNS_MAX:
        marker = "." if len(t_s) <= DOTS_MAX else ""
        axes.plot(*broken_at_gaps(t_s, values), color=color, linewidth=0.7, marker=marker, label=label)
        return
    at_s, low, high = envelope(t_s, values)
    axes.fill_between(*_gapped(at_s, low, high), color=color, linewidth=0.3, label=label)


def widen(axes: "Axes") -> None:
    """Let the vertical axis span at least ``SMALLEST_SPAN``: rounding must not look like a signal."""
    low, high = axes.get_ylim()
    if high - low < SMALLEST_SPAN:
        axes.set_ylim((low + high - SMALLEST_SPAN) / 2, (low + high + SMALLEST_SPAN) / 2)


def _gapped(t_s: Float64, low: Float64, high: Float64) -> tuple[Float64, Float64, Float64]:
    at_s, low = broken_at_gaps(t_s, low)
    return at_s, low, broken_at_gaps(t_s, high)[1]
