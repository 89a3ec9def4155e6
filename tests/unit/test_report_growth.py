"""What the live page asks for of a run that grows: only what it does not have."""

from pathlib import Path

import numpy as np
import pytest

from exporters.report.live.growth import LISTS, Growth, RunGrowth
from exporters.report.live.runs import WatchedRuns
from exporters.report.live.watched import WatchedRun
from exporters.report.scores import curve_from, same_points
from exporters.report.view import ReportPicture, ShownRun
from tests.support.report_runs import ReportRun, make_report_run


def shown_at_each_length(folder: Path) -> list[ShownRun]:
    """A run of one segment, of two, and so on; from the third on the first one has another outcome."""
    runs = WatchedRuns(folder)
    make_report_run(folder, ReportRun("one", segments=6))
    runs.poll()
    (whole,) = runs.snapshot().runs
    failed = whole.segments[0].model_copy(update={"outcome": "failed"})
    shown = []
    for length in range(1, 7):
        segments = (failed, *whole.segments[1:length]) if length > 2 else whole.segments[:length]
        pictures = tuple(each for each in whole.pictures if each.t_s < segments[-1].t_end_s)
        shown.append(whole.model_copy(update={"segments": segments, "pictures": pictures}))
    return shown


def test_the_least_that_stayed_counts() -> None:
    """Of each version on its own, and whatever came in between."""
    growth = Growth()
    for version, same in ((1, 0), (4, 5), (6, 8), (9, 3), (12, 20)):
        growth.add(version, same)
    assert [growth.same_since(version, 30) for version in (0, 1, 5, 8, 9, 11, 12)] == [0, 3, 3, 3, 20, 20, 30]
    assert growth.same_since(12, 7) == 7


def test_a_page_of_any_version_can_be_completed(tmp_path: Path) -> None:
    """What it has, up to what stayed, and what it is sent are the newest run; what stayed is as long as it can be."""
    growth, before = RunGrowth(), None
    versions = shown_at_each_length(tmp_path)
    for version, shown in enumerate(versions, 1):
        growth.add(version, before, shown)
        before = shown
    for version, had in enumerate(versions, 1):
        rest, same = growth.since(version, versions[-1])
        for name in LISTS:
            assert getattr(had, name)[: same[name]] + getattr(rest, name) == getattr(versions[-1], name)
        assert rest.curve is not None
        assert (rest.curve.points, same["points"]) == (0, 34)
        assert same["segments"] == (0 if version < 3 else version)
        assert same["pictures"] == len(had.pictures)
    everything, same = growth.since(0, versions[-1])
    assert (everything, set(same.values())) == (versions[-1], {0})


def test_the_points_of_two_curves(tmp_path: Path) -> None:
    runs = WatchedRuns(tmp_path)
    make_report_run(tmp_path, ReportRun("one", segments=6))
    runs.poll()
    curve = runs.snapshot().runs[0].curve
    assert curve is not None
    assert curve.points == 34
    rest = curve_from(curve, 30)
    assert rest.points == 4
    assert same_points(curve, curve) == 34
    assert same_points(curve, rest) == 0
    assert same_points(None, curve) == 0
    assert same_points(curve, curve.model_copy(update={"source": "segments"})) == 0


def test_a_long_run_is_read_less_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a read that took two seconds of CPU time, not for eighteen; what is new meanwhile is not lost."""
    now_s = 100.0
    monkeypatch.setattr("exporters.report.live.watched.time.monotonic", lambda: now_s)
    root = make_report_run(tmp_path, ReportRun("one", segments=2, finished=False))
    runs = WatchedRuns(tmp_path)
    runs.poll()
    watched: WatchedRun = runs._runs[root]
    with (root / "events.jsonl").open("a") as log:
        log.write('{"event": "segment.closed"}\n')
    watched.was_read(2.0)
    assert not watched.is_due()
    now_s += 17.9
    assert not watched.is_due()
    now_s += 0.2
    assert watched.is_due()
    watched.was_read(0.01)
    assert not watched.is_due()


def test_pictures_that_were_shown_are_the_same_objects(tmp_path: Path) -> None:
    runs = WatchedRuns(tmp_path)
    root = make_report_run(tmp_path, ReportRun("one", segments=1))
    runs.poll()
    watched = runs._runs[root]
    first, second = watched.shown_pictures([0, 1000]), watched.shown_pictures([1000, 2000])
    assert first[1] is second[0]
    assert second[1] == ReportPicture(t_s=2.0, src="runs/one/keyframes/0000002000.jpg")


def test_a_run_with_senseless_arrays_does_not_end_the_others(tmp_path: Path) -> None:
    """A header that asks for more memory than there is; the next poll goes on."""
    root = make_report_run(tmp_path, ReportRun("one", segments=1))
    header = np.lib.format.header_data_from_array_1_0(np.zeros(1)) | {"shape": (10**15,)}
    with next(root.glob("*_ts.npy")).open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
    make_report_run(tmp_path, ReportRun("two", segments=1))
    runs = WatchedRuns(tmp_path)
    runs.poll()
    snapshot = runs.snapshot()
    assert [run.key for run in snapshot.runs][-1] == "two"
