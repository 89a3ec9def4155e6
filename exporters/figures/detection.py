"""``<stem>_detection.png``, or .pdf, .svg: the causal detection against the offline one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from exporters.analysis import analysis_of, closed_segments, opened_segments
from exporters.figures import style
from exporters.figures.time_axis import broken_at_gaps, draw_curve, set_time_axis, widen
from exporters.run_view import RunView, Span
from stream.detection.replay import NO_THRESHOLDS
from stream.pipeline.facts import SegmentKind

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Float64: TypeAlias = npt.NDArray[np.float64]

SIZE_IN: Final = (7.2, 5.0)
"""Width and height, inches: a page's text width."""

_SHADE: Final = 0.2
_BAR: Final = 0.6
"""Height of a span's bar; rows are 1 apart."""
_OUTLINE: Final = 0.6
"""Points around a bar: a few seconds of a whole day stay visible."""
_BORDERS_MAX: Final = 200
"""Segments beyond which their borders would be a solid band."""
_LEGEND_COLUMNS_MAX: Final = 7


@dataclass(frozen=True, slots=True)
class DetectorTrace:
    """One detector's view of a clip. All arrays are (N,) float64, one a window, NaN where there is none."""

    name: str
    t_s: Float64
    score: Float64
    ema: Float64
    theta_on: Float64
    theta_off: Float64
    median: Float64
    spans: tuple[Span, ...]
    """The anomalous ones."""


@dataclass(frozen=True, slots=True)
class Detection:
    """Everything that the figure shows."""

    title: tuple[str, ...]
    """The clip, and facts about it."""
    t_end_s: float
    causal: DetectorTrace
    offline: DetectorTrace
    typical: tuple[Span, ...]
    """The typical segments that were announced so far."""
    unknown: tuple[Span, ...]
    """The segments without a window that could be judged."""
    truth: tuple[Span, ...] | None
    """None if the events are unknown; empty if it is known that there are none."""
    damaged: tuple[Span, ...] = ()


def export(runs: Sequence[RunView], destination: Path, *, figure_format: style.FigureFormat = "png") -> list[Path]:
    """Draw each run's detection; returns the files."""
    paths = [destination / f"{run.stem}_detection.{figure_format}" for run in runs]
    for run, path in zip(runs, paths, strict=True):
        with style.figure_file(path, *SIZE_IN) as figure:
            draw_detection(figure, detection_of(run))
    return paths


def detection_of(run: RunView) -> Detection:
    """Collect what the figure shows of a run."""
    return Detection(
        title=run.title,
        t_end_s=run.t_end_s,
        causal=causal_trace(run),
        offline=offline_trace(run),
        typical=_closed_spans(run, "typical"),
        unknown=_closed_spans(run, "unknown"),
        truth=run.truth,
        damaged=run.damaged,
    )


def causal_trace(run: RunView) -> DetectorTrace:
    """The replay's scores and thresholds, over the anomalies that the run announced and the one that is still open."""
    steps = analysis_of(run).causal.steps
    thresholds = [step.thresholds or NO_THRESHOLDS for step in steps]
    name = "causal: replayed" if run.manifest is None else "causal: announced while the clip played"
    return DetectorTrace(
        name=name if any(step.thresholds for step in steps) else f"{name}, all within the warm-up",
        t_s=run.windows.t_s,
        score=_array(step.score for step in steps),
        ema=_array(step.smoothed for step in steps),
        theta_on=np.array([each.on for each in thresholds]),
        theta_off=np.array([each.off for each in thresholds]),
        median=np.array([each.median for each in thresholds]),
        spans=tuple(_joined([*_closed_anomalies(run), *_open_anomalies(run)])),
    )


def offline_trace(run: RunView) -> DetectorTrace:
    """The offline scores over the thresholds of the whole clip, which are constant."""
    analysis = analysis_of(run)
    count, held = len(run.windows.t_s), analysis.offline.thresholds
    numbers = f": θ on {held.on:.4f}, θ off {held.off:.4f}, median {held.median:.4f}"
    return DetectorTrace(
        name="offline" + (numbers if count > 1 else ""),
        t_s=run.windows.t_s,
        score=analysis.offline.scores,
        ema=analysis.offline.smoothed,
        theta_on=np.full(count, held.on),
        theta_off=np.full(count, held.off),
        median=np.full(count, held.median),
        spans=analysis.offline_spans,
    )


def _closed_anomalies(run: RunView) -> list[Span]:
    opened = opened_segments(run)
    return [
        Span(segment.t_start_s, segment.t_end_s, opened[segment.segment_id].detected_at_s)
        for segment in closed_segments(run)
        if segment.kind == "anomalous"
    ]


def _closed_spans(run: RunView, kind: SegmentKind) -> tuple[Span, ...]:
    return tuple(Span(each.t_start_s, each.t_end_s) for each in closed_segments(run) if each.kind == kind)


def _open_anomalies(run: RunView) -> list[Span]:
    end_s = run.windows.t_end_s
    return [Span(segment.t_start_s, end_s, segment.detected_at_s) for segment in run.open_anomalies()]


def _joined(spans: Iterable[Span]) -> list[Span]:
    """The spans in order of time, adjacent ones as one: the longest duration splits one anomaly into several."""
    joined: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.t_start_s, span.t_end_s)):
        if joined and span.t_start_s <= joined[-1].t_end_s:
            first = joined.pop()
            joined.append(Span(first.t_start_s, max(first.t_end_s, span.t_end_s), first.detected_at_s))
        else:
            joined.append(span)
    return joined


def _array(values: Iterable[float | None]) -> Float64:
    return np.array([np.nan if value is None else value for value in values])


def draw_detection(figure: "Figure", data: Detection) -> None:
    """Draw a strip of span rows, and below it the scores of both detectors, all over the same time."""
    strip, causal, offline = figure.subplots(3, 1, sharex=True, height_ratios=(1, 3, 3))
    style.title(figure, *data.title)
    draw_rows(strip, data)
    for axes, trace, letter in ((causal, data.causal, "b"), (offline, data.offline, "c")):
        draw_trace(axes, trace)
        axes.set_title(f"({letter}) {trace.name}")
        shade(axes, data.damaged, style.GREY, "damaged", hatch="//////")
    set_time_axis(offline.xaxis, data.causal.t_s[0], data.t_end_s, ticks_max=10)
    offline.set_xlim(data.causal.t_s[0], data.t_end_s)
    _legend(figure)


def _legend(figure: "Figure") -> None:
    """One for all panels, each name once."""
    found: dict[str, Artist] = {}
    for axes in figure.axes:
        handles, labels = axes.get_legend_handles_labels()
        found.update(zip(labels, handles, strict=True))
    columns = -(-len(found) // -(-len(found) // _LEGEND_COLUMNS_MAX))
    figure.legend(list(found.values()), list(found), loc="outside lower center", ncols=columns)


def draw_rows(axes: "Axes", data: Detection) -> None:
    """The spans of each side as bars, one row a side: the run's segments, and the anomalies of the others.

    A mark shows where the live detector knew.
    """
    rows: list[tuple[str, Sequence[Span], str]] = [
        ("offline", data.offline.spans, style.VERMILION),
        ("causal", data.causal.spans, style.VERMILION),
    ]
    if data.truth is not None:
        rows.append(("truth", data.truth, style.BLACK))
    for row, (_, spans, color) in enumerate(rows):
        bars = [(span.t_start_s, span.t_end_s - span.t_start_s) for span in spans]
        axes.broken_barh(bars, (row - _BAR / 2, _BAR), color=color, linewidth=_OUTLINE)
    _draw_other_segments(axes, data)
    known = [span.detected_at_s for span in data.causal.spans if span.detected_at_s is not None]
    if known:
        axes.plot(known, np.ones(len(known)), linestyle="none", marker="|", color=style.BLACK, label="detected")
    axes.set_title("(a) segments")
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.set_ylim(-0.5, len(rows) - 0.5)
    axes.spines["left"].set_visible(False)
    axes.tick_params(left=False)


def _draw_other_segments(axes: "Axes", data: Detection) -> None:
    """The run's segments beside its anomalies, in the same row, each with its borders."""
    for spans, color, label in ((data.typical, style.PALE, "typical"), (data.unknown, "white", "not judged")):
        if not spans:
            continue
        axes.broken_barh(
            [(span.t_start_s, span.t_end_s - span.t_start_s) for span in spans],
            (1 - _BAR / 2, _BAR),
            facecolor=color,
            edgecolor=style.GREY,
            linewidth=_OUTLINE if len(spans) <= _BORDERS_MAX else 0.0,
            label=label,
            zorder=0.9,  # the anomalies are on top of the borders
        )


def draw_trace(axes: "Axes", trace: DetectorTrace) -> None:
    """Score, its average, and the thresholds as they were at each window."""
    axes.set_ylabel("anomaly score")
    if np.isnan(trace.score).all():
        style.say(axes, "one window: nothing to compare")
        return
    draw_curve(axes, trace.t_s, trace.score, color=style.GREY, label="score")
    lines = (
        (trace.ema, style.BLUE, "-", "EMA"),
        (trace.theta_on, style.VERMILION, "--", "θ on"),
        (trace.theta_off, style.ORANGE, ":", "θ off"),
        (trace.median, style.GREEN, "-.", "median"),
    )
    for values, color, dashes, label in lines:
        axes.plot(*broken_at_gaps(trace.t_s, values), color=color, linestyle=dashes, label=label)
    shade(axes, trace.spans, style.VERMILION, "anomalous")
    widen(axes)


def shade(axes: "Axes", spans: Sequence[Span], color: str, label: str, *, hatch: str | None = None) -> None:
    """Colour the ground under spans, with matplotlib's ``hatch`` if there is one."""
    for number, span in enumerate(spans):
        legend = label if number == 0 else None
        axes.axvspan(
            span.t_start_s,
            span.t_end_s,
            facecolor=(color, _SHADE),
            edgecolor=color,
            linewidth=0,
            hatch=hatch,
            label=legend,
        )
