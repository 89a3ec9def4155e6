"""``<stem>_diagnostics.png``, or .pdf, .svg: whether the clip repeats itself, and where it changes."""

from collections.abc import Sequence
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
from stream.detection.period import repetition
from stream.detection.replay import consecutive_distances
from stream.pipeline.facts import SegmentClosed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Float64: TypeAlias = npt.NDArray[np.float64]

SIZE_IN: Final = (7.2, 6.2)
"""Width and height, inches: a page's text width."""
_LIMIT: Final = "(c) a peak in here is not significant"


@dataclass(frozen=True, slots=True)
class SegmentPeriods:
    """The periods that the typical segments were closed with."""

    period_s: float | None
    """Their median; None if no segment has a period."""
    time_share: float
    """Share of the typical segments' time in those that have a period."""


@dataclass(frozen=True, slots=True)
class WorkRepetition:
    """How the typical work of a clip repeats itself, over all of its stretches together."""

    lag_s: Float64
    """(L,) float64, rising."""
    value: Float64
    """(L,) float64 autocorrelation, -1 to 1; NaN at a lag without a pair of windows."""
    limit: Float64
    """(L,) float64: the least value of a significant peak."""
    period_s: float | None
    """Repetition period, if there is a significant one within reach."""
    segments: SegmentPeriods

    @property
    def has_peak(self) -> bool:
        """Whether a peak is significant, even if it belongs to no period within reach."""
        before, here, after = self.value[1:-2], self.value[2:-1], self.value[3:]
        return bool(np.any((before < here) & (here >= after) & (here > self.limit[2:-1])))


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """Everything that the figure shows."""

    title: tuple[str, ...]
    """The clip, and facts about it."""
    t_s: Float64
    """(N,) float64 window starts, seconds."""
    distance: Float64
    """(N - 1,) float64 cosine distance of each window but the first to the one before."""
    mean: Similarity
    temporal: Similarity
    repetition: WorkRepetition | None
    """None if there are too few windows."""


def export(runs: Sequence[RunView], destination: Path, *, figure_format: style.FigureFormat = "png") -> list[Path]:
    """Draw each run's diagnostics; returns the files."""
    paths = [destination / f"{run.stem}_diagnostics.{figure_format}" for run in runs]
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
        repetition=work_repetition(run),
    )


def work_repetition(run: RunView) -> WorkRepetition | None:
    """The repetition of all windows outside anomalies, at the lags that the detector searches.

    The function is the detector's (``stream.detection.period``), but it sees the whole clip: segments have only the
    latest windows before their end, and must confirm the period. None if there are too few windows.
    """
    t_s, stride_s = run.windows.t_s, run.windows.stride_s
    segments = closed_segments(run)
    typical = np.ones(len(t_s), bool)
    for segment in segments:
        if segment.kind == "anomalous":
            typical[(segment.t_start_s <= t_s) & (t_s < segment.t_end_s)] = False
    strides = np.rint(np.diff(t_s[typical]) / stride_s).astype(np.intp)
    steps = strides.clip(1, run.detector.period_windows)  # a longer hole has no pair of windows across it either
    sketches = analysis_of(run).causal.sketches[typical].astype(np.float64)
    found = repetition(sketches, np.cumsum([0, *steps]), run.detector.period_windows)
    if found is None:
        return None
    return WorkRepetition(
        lag_s=np.arange(len(found.autocorrelation), dtype=np.float64) * stride_s,
        value=found.autocorrelation,
        limit=found.limit,
        period_s=found.period and found.period * stride_s,
        segments=segment_periods(segments),
    )


def segment_periods(segments: Sequence[SegmentClosed]) -> SegmentPeriods:
    """What the typical segments say about their periods."""
    typical = [segment for segment in segments if segment.kind == "typical"]
    lengths_s = [segment.t_end_s - segment.t_start_s for segment in typical]
    periodic_s = [length_s for segment, length_s in zip(typical, lengths_s, strict=True) if segment.period_s]
    return SegmentPeriods(
        period_s=median_low(segment.period_s for segment in typical if segment.period_s) if periodic_s else None,
        time_share=sum(periodic_s) / sum(lengths_s) if periodic_s else 0.0,
    )


def draw_diagnostics(figure: "Figure", data: Diagnostics) -> None:
    """Draw the four panels, and below them the legend of the third."""
    panels = figure.subplots(2, 2)
    style.title(figure, *data.title)
    draw_distance(panels[0, 0], data)
    draw_similarity(panels[0, 1], data.mean, "(b) similarity, mean-pooled")
    draw_repetition(panels[1, 0], data.repetition)
    draw_similarity(panels[1, 1], data.temporal, "(d) similarity, temporal tokens")
    handles, labels = panels[1, 0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=len(handles))


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


def draw_repetition(axes: "Axes", found: WorkRepetition | None) -> None:
    """Autocorrelation over lag, the limit of significance, and the periods of the clip and of its segments."""
    axes.set_title("(c) repetition of the typical work")
    axes.set_xlabel("lag (s)")
    axes.set_ylabel("autocorrelation")
    if found is None:
        style.say(axes, "too few windows for a lag")
        return
    lowest, highest = float(np.nanmin(found.value)), 1.0
    bottom = min(-0.1, lowest - 0.05)
    axes.fill_between(found.lag_s, bottom, found.limit.clip(max=highest), color=style.PALE, linewidth=0, label=_LIMIT)
    axes.axhline(0, color=style.GREY, linewidth=0.5)
    axes.plot(found.lag_s, found.value, color=style.BLUE)
    for period_s, text, color, line in (
        (found.period_s, clip_text(found), style.VERMILION, "--"),
        (found.segments.period_s, segments_text(found), style.GREEN, ":"),
    ):
        if period_s is None:
            axes.plot([], [], " ", label=text)
        else:
            axes.axvline(period_s, color=color, linestyle=line, label=text)
    axes.set_xlim(0, found.lag_s[-1])
    axes.set_ylim(bottom, highest)


def clip_text(found: WorkRepetition) -> str:
    """The period of the clip's typical work, or that it has none."""
    if found.period_s is not None:
        return f"clip: period {found.period_s:.1f} s"
    return "clip: peaks, but no period that fits three times" if found.has_peak else "clip: no significant period"


def segments_text(found: WorkRepetition) -> str:
    """The periods of the segments."""
    segments = found.segments
    if segments.period_s is not None:
        return f"segments: period {segments.period_s:.1f} s, in {segments.time_share:.0%} of the time"
    return "segments: no significant period"
