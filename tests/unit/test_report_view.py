"""What the report shows of a run: segments, outcomes, problems, scores, costs."""

import base64
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from exporters.report.facts import total_dollars
from exporters.report.run import key_of, shown_run
from exporters.report.scores import POINTS_MAX, _thinned
from exporters.report.text import dollars, duration, rows_of
from exporters.report.totals import totals_of
from exporters.report.view import ShownRun
from exporters.run_view import RunView, view_run
from stream.records import RunResumed
from stream.ui.text import clock
from tests.support.report_runs import ReportRun, make_report_run


def shown(folder: Path, **facts: object) -> ShownRun:
    """A run as the report shows it."""
    return shown_run(view_run(make_report_run(folder, replace(ReportRun(), **facts))), "clip")  # type: ignore[arg-type]


def values(text: str) -> np.ndarray:
    """A column of a curve."""
    return np.frombuffer(base64.b64decode(text), "<f4")


def test_segments_have_their_outcome_and_their_actions(tmp_path: Path) -> None:
    run = shown(tmp_path)
    assert [segment.outcome for segment in run.segments[:5]] == [
        "described", "failed", "skipped", "described", "described",
    ]  # fmt: skip
    assert run.segments[1].reason == "the annotator gave no answer"
    active, idle = run.segments[0].actions
    assert (active.subtask, active.objects[0].name, idle.active) == ("drive the screw in 0", "screwdriver", False)
    assert (run.counts.anomalous, run.counts.described, run.counts.failed) == (2, 6, 2)
    assert run.segments[4].unusual == pytest.approx(2.0, abs=0.01)
    assert run.segments[4].keyframe_px == (320, 180)


def test_damage_is_a_mark_and_a_problem(tmp_path: Path) -> None:
    run = shown(tmp_path)
    assert [(mark.kind, mark.t_start_s, mark.t_end_s) for mark in run.marks] == [
        ("damaged", 19.0, 19.5), ("damaged", 49.0, 49.5),
    ]  # fmt: skip
    problems = dict(next(group.rows for group in run.facts if group.title == "Problems"))
    assert problems["damaged 0:00:19.0 to 0:00:19.5"] == "packets are missing (15 packets lost)"
    assert problems["2 segments could not be described"] == "the annotator gave no answer"
    assert run.lost_s == 1.0


@pytest.mark.parametrize(
    ("facts", "state", "text"),
    [
        ({}, "finished", "finished"),
        ({"finished": False}, "running", "not finished"),
        ({"stopped": "stopped by SIGTERM"}, "stopped", "stopped by SIGTERM"),
    ],
)
def test_the_state_of_a_run(tmp_path: Path, facts: dict[str, object], state: str, text: str) -> None:
    run = shown(tmp_path, **facts)
    assert (run.state, run.state_text) == (state, text)


def test_a_run_that_was_resumed_is_running_again(tmp_path: Path) -> None:
    stopped = view_run(make_report_run(tmp_path, ReportRun(stopped="stopped by SIGTERM")))
    resumed = replace(stopped, log=(*stopped.log, RunResumed(run_id="r", windows=3)))
    assert shown_run(resumed, "clip").state == "running"


def test_the_curve_is_the_detectors_and_names_the_warm_up(tmp_path: Path) -> None:
    """One value a window, thresholds only after the warm-up, which the other work from 24 s to 30 s prolongs."""
    run = shown(tmp_path, segments=20)
    assert run.curve is not None
    assert run.curve.source == "windows"
    t_s, score, theta_on = (values(text) for text in (run.curve.t_s, run.curve.score, run.curve.theta_on))
    assert len(t_s) == len(score) == 118
    assert run.judged_from_s == t_s[np.isfinite(theta_on)][0] == 36.0
    other = (t_s // 6) % 5 == 4
    assert np.nanmin(score[other & (t_s < 60)]) > np.nanmax(score[~other & (t_s < 60)])


def test_without_windows_the_curve_is_the_segments_means(tmp_path: Path) -> None:
    folder = make_report_run(tmp_path)
    for path in folder.glob("*.npy"):
        path.unlink()
    run = shown_run(view_run(folder), "clip")
    assert run.curve is not None
    assert (run.curve.source, run.judged_from_s) == ("segments", None)
    assert len(values(run.curve.t_s)) == 20


def test_a_long_curve_keeps_its_peaks() -> None:
    columns = np.zeros((5, 3 * POINTS_MAX))
    columns[0] = np.arange(3 * POINTS_MAX)
    columns[1, 100_000] = 1.0
    thin = _thinned(columns)
    assert thin.shape[1] == POINTS_MAX
    assert thin[0, thin[1].argmax()] == 100_000


def with_manifest(run: RunView, **changes: object) -> RunView:
    """The run with other provenance."""
    return replace(run, manifest=run.records().model_copy(update=changes))


def test_annotating_costs_once(tmp_path: Path) -> None:
    """On this machine it takes the machine's time; tokens with a price of their own, or a later hour, are on top."""
    run = view_run(make_report_run(tmp_path))
    paid = tuple(
        replace(event, dollars=0.01) if event.event == "segment.annotated" else event for event in run.log
    )  # six of them
    run = replace(run, log=paid)
    assert total_dollars(run) == pytest.approx(0.0017)
    options = run.records().options
    priced = {**options, "annotator": {**options["annotator"], "price_in": 1.0}}
    assert total_dollars(with_manifest(run, options=priced)) == pytest.approx(0.0617)
    assert total_dollars(with_manifest(run, usage={})) is None


def test_totals(tmp_path: Path) -> None:
    """Unknown costs are counted, not taken for nothing."""
    first, second = shown(tmp_path / "a"), shown(tmp_path / "b", finished=False)
    totals = totals_of([first, second])
    assert (totals.clips, totals.counts.segments, totals.counts.anomalous, totals.counts.actions) == (2, 20, 4, 24)
    assert (totals.states_text, totals.unknown_costs, totals.cost_per_hour) == ("1 finished, 1 running", 1, None)
    assert totals.dollars == pytest.approx(0.0017)
    assert totals_of([first]).cost_per_hour == pytest.approx(0.102)
    assert totals.speed == pytest.approx(2.0)


def test_names_on_the_page_are_unique_and_safe() -> None:
    taken: set[str] = set()
    assert [key_of(name, taken) for name in ("clip", "clip", "a/b <c>", "")] == ["clip", "clip-2", "a_b_c_", "run"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (clock(3599.96), "1:00:00.0"), (clock(61.25), "0:01:01.2"), (clock(90_000), "25:00:00.0"),
        (duration(8.04), "8.04 s"), (duration(59), "59 s"),
        (duration(190), "3 min 10 s"), (duration(29_100), "8 h 5 min"), (dollars(0.0031), "$0.0031"),
        (dollars(0), "$0.00"), (dollars(12.5), "$12.50"), (dollars(None), "unknown"),
    ],
)  # fmt: skip
def test_amounts_in_words(text: str, expected: str) -> None:
    assert text == expected


def test_options_become_dotted_rows() -> None:
    """Empty values say nothing; half surrogates could not be written."""
    rows = dict(rows_of({"lens": {"rectify": True, "k": [1.0, 2]}, "none": None, "name": "a\udc80"}))
    assert rows == {"lens.rectify": "yes", "lens.k": "[1.0, 2]", "name": "a?"}
