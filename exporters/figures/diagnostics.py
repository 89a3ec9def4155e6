"""``<stem>_diagnostics.png``: whether the clip repeats itself, and where it changes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median_low
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from exporters.analysis import analysis_of, closed_segments
from exporters.figures import style
from exporters.figures.matrices import Similarity, cells_of, draw_similarity, similarity
from exporters.figures.time_axis import draw_curve, set_time_axis, widen
from exporters.run_view import RunView
from stream.detection.period import FEWEST_CYCLES, autocorrelation, effective_dimension, peak_limit
from stream.detection.replay import consecutive_distances

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Float64: TypeAlias = npt.NDArray[np.float64]

SIZE_IN: Final = (7.2, 6.2)
"""Width and height, inches: a page's text width."""


@dataclass(frozen=True, slots=True)
class Autocorrelation:
    """Autocorrelation of a clip's typical work."""

    lag_s: Float64
    """(L,) float64, rising."""
    value: Float64
    """(L,) float64, -1 to 1."""
    limit: Float64
    """(L,) float64: the least value of a significant peak."""
    period_s: float | None
    """Repetition period, if there is a significant one."""
    period_share: float = 0.0
    """Share of the typical work's time that has a significant period."""


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
    """None if there are too few windows."""


def export(runs: Sequence[RunView], destination: Path) -> list[Path]:
    """Draw each run's diagnostics; returns the files."""
    paths = [destination / f"{run.stem}_diagnostics.png" for run in runs]
    for run, path in zip(runs, paths, strict=True):
        with style.figure_file(path, *SIZE_IN) as figure:
            draw_diagnostics(figure, diagnostics_of(run))
    return paths


def diagnostics_of(run: RunView) -> Diagnostics:
    """Compute what the figure shows of a run."""
    windows = run.windows
    cells = cells_of(windows.t_s)
    return Diagnostics(
        title=run.title,
        t_s=windows.t_s,
        distance=consecutive_distances(windows.temporal_blocks()),
        mean=similarity(windows.mean_blocks(), cells),
        temporal=similarity(windows.temporal_blocks(), cells),
        autocorrelation=repetition(run),
    )


def repetition(run: RunView) -> Autocorrelation | None:
    """The mean autocorrelation of the typical work, over stretches as long as the detector's memory for periods.

    None if they are too short for a lag. The limit for a peak is the detector's (``stream.detection.period``); the
    period is the median of the segments' periods.
    """
    stretches = list(typical_stretches(run))
    if not stretches:
        return None
    length = len(stretches[0])
    lags = np.arange(length // FEWEST_CYCLES + 1)
    r = np.mean([autocorrelation(stretch, len(lags) - 1) for stretch in stretches], axis=0)
    dims = np.mean([effective_dimension(stretch) for stretch in stretches])
    period_s, share = recorded_period(run)
    return Autocorrelation(
        lag_s=lags.astype(np.float64) * run.windows.stride_s,
        value=r,
        limit=peak_limit(r, length, float(dims)),
        period_s=period_s,
        period_share=share,
    )


def typical_stretches(run: RunView) -> Iterator[Float64]:
    """Sketches of the windows outside anomalies, (n, 128) at a time, with the same n, at least six, for all."""
    causal, t_s = analysis_of(run).causal, run.windows.t_s
    typical = np.ones(len(causal.sketches), bool)
    for segment in causal.closed:
        if segment.kind == "anomalous":
            typical[(segment.t_start_s <= t_s) & (t_s < segment.t_end_s)] = False
    sketches = causal.sketches[typical].astype(np.float64)
    length = min(run.detector.period_windows, len(sketches))
    if length < 2 * FEWEST_CYCLES:
        return
    for start in range(0, len(sketches) - length + 1, length):
        stretch = sketches[start : start + length]
        if np.ptp(stretch, axis=0).any():
            yield stretch


def recorded_period(run: RunView) -> tuple[float | None, float]:
    """The median period of the typical segments in seconds, and the share of their time in which there is one."""
    typical = [segment for segment in closed_segments(run) if segment.kind == "typical"]
    lengths_s = [segment.t_end_s - segment.t_start_s for segment in typical]
    periodic_s = [length_s for segment, length_s in zip(typical, lengths_s, strict=True) if segment.period_s]
    if not periodic_s:
        return None, 0.0
    return median_low(s.period_s for s in typical if s.period_s), sum(periodic_s) / sum(lengths_s)


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
    axes.set_title("(c) repetition of the typical work")
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
