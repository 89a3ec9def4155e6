"""The numbers behind the figures are those of the detectors, for any block size in which windows are read."""

from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from exporters import windows as windows_module
from exporters.analysis import analysis_of
from exporters.anomalies import causal_anomalies, offline_anomalies
from exporters.figures.diagnostics import segments_text, work_repetition
from exporters.run_view import RunView, open_views
from exporters.windows import open_windows
from stream.detection import offline
from stream.detection.options import DetectorOptions
from stream.detection.replay import consecutive_distances
from stream.pipeline.facts import SegmentClosed
from stream.pipeline.items import Embedding, End
from stream.pipeline.stage import drive
from stream.records.schema.layout import RunLayout
from stream.stages.detect import Detect
from tests.support.recorded import DIMS, EVENT_S, PERIOD_S, TOKENS, working_windows, write_bare

SHARED = Path(__file__).parents[2].parent / "shared"
OPTIONS = DetectorOptions()


def view_of(folder: Path) -> RunView:
    """The folder's only clip."""
    (view,) = open_views(folder)
    return view


def units_of(layout: RunLayout) -> np.ndarray:
    """All windows at once, (N, T * D) float64, each of length 1."""
    rows = np.load(layout.temporal).reshape(-1, TOKENS * DIMS).astype(np.float64)
    units: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return units


@pytest.mark.slow
@pytest.mark.parametrize("block_windows", [1, 7, 1000])
def test_offline_detection_equals_the_reference_for_any_block_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_windows: int
) -> None:
    """Read in blocks, the offline detector gives what it gives over the whole array."""
    monkeypatch.setattr(windows_module, "BLOCK_VALUES", block_windows * TOKENS * DIMS)
    layout = write_bare(tmp_path, working_windows(200))
    blockwise = analysis_of(view_of(layout.root)).offline
    expected = offline.detect_offline(np.load(layout.temporal), np.arange(200.0), OPTIONS)
    assert np.allclose(blockwise.scores, expected.scores, atol=2e-6)
    assert np.allclose(blockwise.smoothed, expected.smoothed, atol=2e-6)
    assert astuple(blockwise.thresholds) == pytest.approx(astuple(expected.thresholds), abs=1e-5)
    assert blockwise.anomalies == expected.anomalies != []


def test_replay_closes_the_segments_that_the_stage_closes(tmp_path: Path) -> None:
    """The replay of a folder gives the segments of a live run over the same windows."""
    temporal = working_windows(200)
    write_bare(tmp_path, temporal)
    played = analysis_of(view_of(tmp_path)).causal
    items = [Embedding(i, float(i), float(i), tokens.mean(axis=0), tokens) for i, tokens in enumerate(temporal)]
    live = drive(Detect(OPTIONS), [*items, End("end_of_stream", 200.0, 6000)])
    for mine, theirs in zip(played.closed, (item for item in live if isinstance(item, SegmentClosed)), strict=True):
        assert (mine.segment_id, mine.kind, mine.t_start_s, mine.t_end_s, mine.detected_at_s) == (
            theirs.segment_id, theirs.kind, theirs.t_start_s, theirs.t_end_s, theirs.detected_at_s,
        )  # fmt: skip
        assert mine.score_mean == pytest.approx(theirs.score_mean, abs=1e-5)
        assert mine.theta_on == pytest.approx(theirs.theta_on, abs=1e-4)


def test_distances_are_those_of_neighbours_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """1 - cosine of each window and the one before it, also where they lie in different blocks."""
    monkeypatch.setattr(windows_module, "BLOCK_VALUES", 3 * TOKENS * DIMS)
    layout = write_bare(tmp_path, working_windows(20))
    units = units_of(layout)
    distances = consecutive_distances(open_windows(layout).temporal_blocks())
    assert np.allclose(distances, 1 - (units[1:] * units[:-1]).sum(axis=1), atol=1e-6)


def test_identical_windows_are_not_an_anomaly(tmp_path: Path) -> None:
    """The rounding of equal windows is not taken for two kinds of work."""
    write_bare(tmp_path, working_windows(1).repeat(50, axis=0))
    assert analysis_of(view_of(tmp_path)).offline.anomalies == []


def test_both_detectors_find_what_happens(tmp_path: Path) -> None:
    """One event, found by both within 3 s at its start; the live one knows it within 6 s."""
    write_bare(tmp_path, working_windows(220))
    view = view_of(tmp_path)
    causal = list(causal_anomalies(view))
    (afterwards,) = offline_anomalies(view)
    assert causal[0].t_start_s == pytest.approx(EVENT_S[0], abs=3)
    assert causal[-1].t_end_s == pytest.approx(EVENT_S[1], abs=3)
    assert causal[0].detected_at_s is not None
    assert causal[0].detected_at_s <= EVENT_S[0] + 6
    assert afterwards.t_start_s == pytest.approx(EVENT_S[0], abs=3)
    assert afterwards.score_max is not None
    assert afterwards.theta_on is not None
    assert afterwards.score_max > afterwards.theta_on


def test_period_is_marked_where_the_work_repeats(tmp_path: Path) -> None:
    """The period of the usual work is found, and the autocorrelation reaches its limit there and not between."""
    write_bare(tmp_path, working_windows(320))
    result = work_repetition(view_of(tmp_path))
    assert result is not None
    assert result.period_s == pytest.approx(PERIOD_S, abs=0.3)
    assert result.segments.period_s == pytest.approx(PERIOD_S, abs=0.3)
    assert result.segments.time_share > 0.8
    assert result.value[0] == pytest.approx(1.0)
    assert result.value[PERIOD_S] > result.limit[PERIOD_S]
    assert (result.value[3:6] < result.limit[3:6]).all()
    assert result.lag_s[-1] == OPTIONS.period_windows // 3


def test_noise_has_no_period(tmp_path: Path) -> None:
    """Where windows are random there is no period, of the clip or of a segment, and no lag reaches the limit."""
    write_bare(tmp_path, np.random.default_rng(0).standard_normal((200, TOKENS, DIMS)).astype(np.float16))
    result = work_repetition(view_of(tmp_path))
    assert result is not None
    assert (result.period_s, result.segments.period_s, result.segments.time_share) == (None, None, 0.0)
    assert (result.value[2:] < result.limit[2:]).all()


@pytest.mark.parametrize("period", [16, 17, 19])
def test_work_that_anomalies_interrupt_has_its_period_in_the_clip_and_its_segments(tmp_path: Path, period: int) -> None:
    """No stretch between anomalies lasts three cycles: the stretches together say it, and later segments confirm it."""
    events_s = [(42.0, 60.0), (102.0, 117.0), (159.0, 175.0)]
    write_bare(tmp_path, working_windows(218, period=period, events_s=events_s))
    result = work_repetition(view_of(tmp_path))
    assert result is not None
    assert result.period_s == pytest.approx(period, abs=0.5)
    assert result.segments.period_s == pytest.approx(period, abs=0.5)
    assert 0.4 <= result.segments.time_share <= 0.85
    assert segments_text(result).startswith(f"segments: period {result.segments.period_s:.1f} s, in ")


def test_published_clip_gives_the_published_segments(tmp_path: Path) -> None:
    """EgoClean's clip 1 (calicartels/EgoClean, embeddings read off its figure): 209-264 s and 416-431 s, to 1 s."""
    source = SHARED / "published" / "egoclean_clip1.npz"
    if not source.exists():
        pytest.skip(f"{source} is not here")
    with np.load(source, allow_pickle=False) as arrays:
        write_bare(tmp_path, arrays["embeddings"][:, None])
    spans = [(anomaly.t_start_s, anomaly.t_end_s) for anomaly in offline_anomalies(view_of(tmp_path))]
    assert spans == [pytest.approx((209, 264), abs=1), pytest.approx((416, 431), abs=1)]
