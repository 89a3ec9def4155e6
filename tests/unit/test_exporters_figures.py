"""The figures show the data that they are given, at every length of clip, and their files are always the same."""

import struct
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from exporters.figures import detection, diagnostics, style
from exporters.figures.detection import Detection, DetectorTrace, draw_detection
from exporters.figures.diagnostics import Diagnostics, SegmentPeriods, WorkRepetition, draw_diagnostics
from exporters.figures.matrices import cells_of, similarity
from exporters.figures.time_axis import COLUMNS_MAX, broken_at_gaps, envelope, time_format
from exporters.run_view import Span
from tests.support.properties import is_fast, some_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import Collection
    from matplotlib.figure import Figure


def line(axes: "Axes", label: str) -> tuple[np.ndarray, np.ndarray]:
    """Data of the one line of that name."""
    (match,) = [line for line in axes.lines if line.get_label() == label]
    return np.asarray(match.get_xdata()), np.asarray(match.get_ydata())


def texts(axes: "Axes") -> list[str]:
    """Free text in a panel."""
    return [text.get_text() for text in axes.texts]


def legend(figure: "Figure") -> list[str]:
    """Texts of the figure's one legend."""
    (only_legend,) = figure.legends
    return [text.get_text() for text in only_legend.get_texts()]


def shades(axes: "Axes") -> list[tuple[float, float]]:
    """From where to where each shaded span goes."""
    from matplotlib.patches import Rectangle

    rectangles = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    return [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in rectangles]


def line_pt(bars: "Collection") -> float:
    """Width of the bars' borders, points."""
    return float(np.ravel(bars.get_linewidth())[0])


def png_size(path: Path) -> tuple[int, ...]:
    """Width and height in pixels, from the header (PNG specification, 11.2.2)."""
    return struct.unpack(">II", path.read_bytes()[16:24])


def blank() -> "Figure":
    """A figure to draw on. matplotlib is imported by the worker that draws, not by all that collect this file."""
    from matplotlib.figure import Figure

    return Figure()


def some_trace(count: int, *spans: Span) -> DetectorTrace:
    """A trace whose thresholds move, and are not there in the first tenth."""
    t_s = np.arange(count, dtype=np.float64)
    theta_on = 0.3 + 0.1 * np.exp(-t_s / 50)
    theta_on[: count // 10] = np.nan
    score = np.random.default_rng(0).uniform(0.1, 0.2, count)
    median = np.full(count, 0.2)
    return DetectorTrace("causal", t_s, score, score / 2, theta_on, (theta_on + median) / 2, median, spans)


def some_detection(count: int) -> Detection:
    """Both tracks, truth, and damage."""
    causal = some_trace(count, Span(10.0, 20.0, detected_at_s=13.0), Span(30.0, 35.0))
    offline = replace(some_trace(count, Span(9.0, 21.0)), name="offline")
    return Detection(
        ("clip",),
        float(count),
        causal,
        offline,
        typical=(Span(5.0, 10.0), Span(20.0, 30.0), Span(35.0, 50.0)),
        unknown=(Span(0.0, 5.0),),
        truth=(Span(8.0, 20.0),),
        damaged=(Span(25.0, 26.0),),
    )


def some_diagnostics(count: int) -> Diagnostics:
    """Random windows, the autocorrelation of a wave of 8 s."""
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((count, 6)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    t_s = np.arange(count, dtype=np.float64)
    matrix = similarity([rows], cells_of(t_s))
    lag_s = np.arange(20.0)
    segments = SegmentPeriods(period_s=8.2, time_share=0.5)
    wave = WorkRepetition(lag_s, np.cos(2 * np.pi * lag_s / 8), np.full(20, 0.25), 8.0, segments)
    return Diagnostics(("clip",), t_s, generator.uniform(0, 1, count - 1), matrix, matrix, wave if count > 1 else None)


@pytest.fixture
def dots_per_inch(monkeypatch: pytest.MonkeyPatch) -> int:
    """The resolution of files: the figures' own, or with the fast profile a coarse one that is soon compressed."""
    assert style.DPI == 200
    if is_fast():
        monkeypatch.setattr(style, "DPI", 40)
    return style.DPI


def test_detection_draws_the_thresholds_as_they_moved() -> None:
    """Score, average and thresholds of both traces are drawn value for value, the warm-up as a gap."""
    figure, data = blank(), some_detection(100)
    draw_detection(figure, data)
    for axes, trace in zip(figure.axes[1:], (data.causal, data.offline), strict=True):
        curves = {label: line(axes, label)[1] for label in ("score", "EMA", "θ on", "θ off", "median")}
        for label, values in zip(
            curves, (trace.score, trace.ema, trace.theta_on, trace.theta_off, trace.median), strict=True
        ):
            assert np.array_equal(curves[label], values, equal_nan=True), label


def test_detection_shades_spans_and_aligns_them_in_rows() -> None:
    """Each side's spans are shaded under its score and are bars in its row; truth has the top row.

    The other segments of the run are bars beside its anomalies, with their borders.
    """
    figure = blank()
    draw_detection(figure, some_detection(100))
    strip, causal, offline = figure.axes
    assert [shades(axes) for axes in (causal, offline)] == [
        [(10.0, 20.0), (30.0, 35.0), (25.0, 26.0)],
        [(9.0, 21.0), (25.0, 26.0)],
    ]
    assert [label.get_text() for label in strip.get_yticklabels()] == ["offline", "causal", "truth"]
    bars = [[tuple(path.get_extents().intervalx) for path in bars.get_paths()] for bars in strip.collections]
    assert bars[:3] == [[(9.0, 21.0)], [(10.0, 20.0), (30.0, 35.0)], [(8.0, 20.0)]]
    assert bars[3:] == [[(5.0, 10.0), (20.0, 30.0), (35.0, 50.0)], [(0.0, 5.0)]]
    assert [line_pt(bars) for bars in strip.collections[3:]] == [0.6, 0.6]
    assert legend(figure)[:3] == ["typical", "not judged", "detected"]
    assert line(strip, "detected")[0].tolist() == [13.0]
    assert {axes.get_xlim() for axes in figure.axes} == {(0.0, 100.0)}


def test_unknown_truth_has_no_row() -> None:
    """Nobody's knowledge is not the knowledge that nothing happens."""
    figure = blank()
    draw_detection(figure, replace(some_detection(100), truth=None))
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["offline", "causal"]


def test_diagnostics_draws_four_panels() -> None:
    """Distance at the later window of each pair, both matrices over time, autocorrelation with band and periods."""
    figure, data = blank(), some_diagnostics(60)
    draw_diagnostics(figure, data)
    distance, mean, repetition, temporal = figure.axes[:4]
    assert np.array_equal(distance.lines[0].get_xdata(), data.t_s[1:])
    assert np.array_equal(distance.lines[0].get_ydata(), data.distance)
    for axes in (mean, temporal):
        assert np.array_equal(np.asarray(axes.images[0].get_array()), data.mean.values)
        assert tuple(axes.images[0].get_extent()) == (0.0, 60.0, 60.0, 0.0)
    assert line(repetition, "clip: period 8.0 s")[0].tolist() == [8.0, 8.0]
    assert line(repetition, "segments: period 8.2 s, in 50% of the time")[0].tolist() == [8.2, 8.2]
    low, high = repetition.collections[0].get_paths()[0].get_extents().intervaly
    assert (low, high) == (repetition.get_ylim()[0], 0.25)
    assert legend(figure)[1:] == ["clip: period 8.0 s", "segments: period 8.2 s, in 50% of the time"]


@pytest.mark.parametrize(
    ("period_s", "limit", "says"),
    [
        (None, 1.1, "clip: no significant period"),
        (None, 0.25, "clip: peaks, but no period that fits three times"),
        (8.0, 0.25, "clip: period 8.0 s"),
    ],
)
def test_each_missing_period_is_said(period_s: float | None, limit: float, says: str) -> None:
    """The clip and its segments each have a line, or the legend says that they have no period; peaks get a reason."""
    figure, data = blank(), some_diagnostics(60)
    assert data.repetition is not None
    segments = SegmentPeriods(period_s=None, time_share=0.0)
    found = replace(data.repetition, period_s=period_s, limit=np.full(20, limit), segments=segments)
    draw_diagnostics(figure, replace(data, repetition=found))
    assert legend(figure)[1:] == [says, "segments: no significant period"]
    lines = [
        curve for curve in figure.axes[2].lines if "period" in str(curve.get_label()) and np.size(curve.get_xdata())
    ]
    assert len(lines) == (period_s is not None)


def test_many_segments_have_no_borders() -> None:
    """Thousands of lines would hide the bars between them."""
    figure, data = blank(), some_detection(2000)
    spans = tuple(Span(float(t_s), t_s + 3.0) for t_s in range(40, 1900, 3))
    draw_detection(figure, replace(data, typical=spans))
    assert [line_pt(bars) for bars in figure.axes[0].collections[3:]] == [0.0, 0.6]


def test_one_window_gives_a_figure_with_a_note() -> None:
    """A single window has no change and no lag: the panels say so, the matrices have one cell."""
    figure = blank()
    draw_diagnostics(figure, some_diagnostics(1))
    assert texts(figure.axes[0]) == ["one window: nothing to compare"]
    assert texts(figure.axes[2]) == ["too few windows for a lag"]
    assert np.asarray(figure.axes[1].images[0].get_array()).shape == (1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("count", some_of([20, 30_000]))
def test_files_have_their_size_and_are_always_the_same(tmp_path: Path, dots_per_inch: int, count: int) -> None:
    """Short and long runs give PNGs of 200 dots an inch, byte for byte the same each time."""
    for name in ("first", "second")[: 2 if count == 20 else 1]:
        with style.figure_file(tmp_path / f"{name}.png", *detection.SIZE_IN) as figure:
            draw_detection(figure, some_detection(count))
    if count == 20:
        assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()
        (tmp_path / "second.png").unlink()
    assert png_size(tmp_path / "first.png") == (7.2 * dots_per_inch, 5 * dots_per_inch)
    with style.figure_file(tmp_path / "diagnostics.png", *diagnostics.SIZE_IN) as figure:
        draw_diagnostics(figure, some_diagnostics(count))
    assert png_size(tmp_path / "diagnostics.png") == pytest.approx((7.2 * dots_per_inch, 6.2 * dots_per_inch))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["diagnostics.png", "first.png"]


@pytest.mark.usefixtures("dots_per_inch")
def test_title_is_not_read_as_mathematics(tmp_path: Path) -> None:
    """A clip may be called anything: dollar signs and backslashes are drawn as they are."""
    name = r"a_$x^{2$_\frac"
    both = blank(), blank()
    draw_detection(both[0], replace(some_detection(20), title=(name, "20 windows")))
    draw_diagnostics(both[1], replace(some_diagnostics(20), title=(name, "20 windows")))
    for figure in both:
        (drawn,) = figure.texts
        assert (drawn.get_text(), drawn.get_parse_math()) == (f"{name}  ·  20 windows", False)
    with style.figure_file(tmp_path / "a.png", *detection.SIZE_IN) as figure:
        style.title(figure, name, "20 windows")
    assert figure.get_suptitle() == f"{name}  ·  20 windows"


def test_long_curve_keeps_its_peaks() -> None:
    """The band of a long curve has its extremes, in a bounded number of columns."""
    values = np.random.default_rng(0).standard_normal(28_800)
    values[12_345], values[54] = 9.0, np.nan
    t_s, low, high = envelope(np.arange(28_800.0), values)
    assert len(t_s) == len(low) == len(high) <= COLUMNS_MAX
    assert (np.nanmin(values), 9.0) == (low.min(), high.max())
    assert 12_345 - t_s[high.argmax()] < 28_800 / COLUMNS_MAX


def test_rounding_does_not_look_like_a_signal() -> None:
    """Scores that differ by less than cosines are known to are drawn as a flat line."""
    figure, data = blank(), some_detection(100)
    flat = replace(data.offline, score=np.full(100, 0.25) + 1e-9 * np.arange(100), ema=np.full(100, 0.25))
    level = replace(flat, theta_on=flat.ema, theta_off=flat.ema, median=flat.ema)
    draw_detection(figure, replace(data, offline=level))
    low, high = figure.axes[2].get_ylim()
    assert (high - low, (low + high) / 2) == pytest.approx((0.01, 0.25))


def test_curve_breaks_where_windows_are_missing() -> None:
    """No line is drawn over a hole of more than two strides; jitter does not break it."""
    t_s, values = broken_at_gaps(np.array([0, 1, 2.02, 3, 9, 10.0]), np.arange(6.0))
    assert t_s.tolist() == [0, 1, 2.02, 3, 3, 9, 10]
    assert np.array_equal(values, [0, 1, 2, 3, np.nan, 4, 5], equal_nan=True)


@pytest.mark.parametrize(
    ("span_s", "t_s", "unit", "text"),
    [
        (2.0, 0.5, "s", "0.5"),
        (20.0, 5.0, "min:s", "0:05"),
        (432.0, 120.0, "min:s", "2:00"),
        (3590.0, 3300.0, "min:s", "55:00"),
        (28_800.0, 9000.0, "h:min", "2:30"),
        (3_600_000.0, 360_000.0, "h:min", "100:00"),
    ],
)
def test_ticks_read_as_a_clock(span_s: float, t_s: float, unit: str, text: str) -> None:
    """Times are written in the unit that suits the span, with at most eight round ticks."""
    clock = time_format(0.0, span_s, 8)
    assert (clock.unit, clock.text(t_s)) == (unit, text)
    assert span_s / clock.step_s <= 8 or clock.step_s == 86400
