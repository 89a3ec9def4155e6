"""Runs that begin with what an earlier one has learned: recorded, resumed, and refused where it does not fit."""

import json
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from exporters.analysis import analysis_of
from exporters.run_view import view_run
from stream.detection.centroid import unit_vector
from stream.detection.detector import CausalDetector
from stream.detection.options import DetectorOptions
from stream.errors import ExitCode
from stream.records import SegmentClosed, open_run
from stream.records.schema import events
from stream.records.store.event_log import EventLog
from stream.records.store.warm_start import packed
from tests.support.at_event import at_event
from tests.support.clips import make_clip
from tests.support.inline import run_inline
from tests.support.runs import manifest, write_intrinsics

pytestmark = pytest.mark.slow

RUN = ("--encoder", "grid", "--no-rectify", "--detector-warmup-s", "4")
PREVIOUS = (*RUN, "--warm-start", "previous")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips of three windows each: both shorter than the warm-up of 4 s."""
    folder = tmp_path_factory.mktemp("worker")
    for name in ("a", "b"):
        make_clip(folder / f"{name}.mp4", frames=130)
    return folder


def judged_from_s(run_dir: Path) -> float | None:
    finish = open_run(run_dir).finish()
    assert finish is not None
    return finish.judged_from_s


def kinds(run_dir: Path) -> list[str]:
    return [segment.kind for segment in open_run(run_dir).segments()]


def test_a_clip_shorter_than_the_warm_up_says_so(clips: Path, tmp_path: Path) -> None:
    result = run_inline(clips / "a.mp4", *RUN, "--out", tmp_path)
    assert "1 segment, too short to judge (4.3 s; the detector needs more than 4 s)" in result.stdout
    assert (kinds(tmp_path / "a"), judged_from_s(tmp_path / "a")) == (["unknown"], None)


def test_the_second_clip_goes_on_where_the_first_has_ended(clips: Path, tmp_path: Path) -> None:
    """It is recorded, done again it is the same run, and the detector's curve is that of the run."""
    result = run_inline(clips, *PREVIOUS, "--out", tmp_path)
    assert result.returncode == 0, result.stderr
    assert "the detector begins with what it learned from a" in result.stdout
    first, second = manifest(tmp_path / "a"), manifest(tmp_path / "b")
    assert first["warm_start"] is None
    assert (second["warm_start"]["run_id"], second["warm_start"]["windows"]) == (first["run_id"], 3)
    assert (kinds(tmp_path / "b"), judged_from_s(tmp_path / "b")) == (["typical"], 1.0)
    steps = analysis_of(view_run(tmp_path / "b")).causal.steps
    assert next(step.t_start_s for step in steps if step.thresholds) == 1.0
    assert run_inline(clips, *PREVIOUS, "--out", tmp_path).stdout.count("nothing to do") == 2


def test_a_named_run_gives_the_same_records(clips: Path, tmp_path: Path) -> None:
    run_inline(clips, *PREVIOUS, "--out", tmp_path / "one")
    named = run_inline(clips / "b.mp4", *RUN, "--warm-start", tmp_path / "one" / "a", "--out", tmp_path / "two")
    assert named.returncode == 0, named.stderr
    one, two = ([*open_run(tmp_path / name / "b").events()] for name in ("one", "two"))
    assert [e for e in one if isinstance(e, SegmentClosed)] == [e for e in two if isinstance(e, SegmentClosed)]


def test_a_stopped_run_resumes_with_what_it_began_with(clips: Path, tmp_path: Path) -> None:
    """Also alone, when nothing says which clip came before."""
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    for out in (whole, parted):
        run_inline(clips / "a.mp4", *PREVIOUS, "--out", out)
    run_inline(clips, *PREVIOUS, "--out", whole)
    with at_event(events.SegmentOpened, partial(signal.raise_signal, signal.SIGTERM)):
        assert run_inline(clips, *PREVIOUS, "--out", parted).returncode == ExitCode.SIGTERM
    resumed = run_inline(clips / "b.mp4", *PREVIOUS, "--out", parted)
    assert resumed.returncode == 0, resumed.stderr
    assert open_run(whole / "b").segments() == open_run(parted / "b").segments()


def test_a_run_that_was_begun_needs_the_named_run_no_more(clips: Path, tmp_path: Path) -> None:
    """It has all that it began with: also where the other run has gone. Another run in that place is another start."""
    run_inline(clips / "a.mp4", *RUN, "--out", tmp_path)
    begin = (clips / "b.mp4", *RUN, "--warm-start", tmp_path / "a", "--out", tmp_path)
    with at_event(events.SegmentOpened, partial(signal.raise_signal, signal.SIGTERM)):
        assert run_inline(*begin).returncode == ExitCode.SIGTERM
    (tmp_path / "a").rename(tmp_path / "away")
    resumed = run_inline(*begin)
    assert resumed.returncode == 0, resumed.stderr
    assert (kinds(tmp_path / "b"), judged_from_s(tmp_path / "b")) == (["typical"], 1.0)
    run_inline(clips / "a.mp4", *RUN, "--stride-s", "0.5", "--out", tmp_path)
    assert "has other embeddings (window.stride_s: 0.5 then, 1.0 now)" in run_inline(*begin).stderr


def test_clips_of_two_workers_in_one_folder(clips: Path, tmp_path: Path) -> None:
    """Where there are no sidecars, the names say whose they are, as in exports."""
    folder = tmp_path / "clips"
    folder.mkdir()
    names = ["factory001_worker001_00000", "factory001_worker001_00001", "factory001_worker002_00000"]
    for name in names:
        (folder / f"{name}.mp4").hardlink_to(clips / "a.mp4")
    result = run_inline(folder, *PREVIOUS, "--out", tmp_path / "runs")
    assert result.returncode == 0, result.stderr
    starts = [manifest(tmp_path / "runs" / name)["warm_start"] for name in names]
    assert [start and start["clip"] for start in starts] == [None, names[0], None]
    assert result.stdout.count("the detector begins with nothing: no earlier clip of this worker has finished") == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--warm-start", "{nowhere}"), "must be previous, or a run directory with a run.json"),
        (("--warm-start", "{a}", "--window", "16@8"), "has other embeddings (window.preset: 64@30 then, 16@8 now)"),
    ],
)
def test_what_does_not_fit_is_refused(clips: Path, tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    run_inline(clips / "a.mp4", *RUN, "--out", tmp_path)
    places = {"nowhere": tmp_path / "nowhere", "a": tmp_path / "a"}
    result = run_inline(
        clips / "b.mp4", *RUN, *(each.format(**places) for each in options), "--out", tmp_path / "other"
    )
    assert result.returncode == ExitCode.USAGE
    assert message in result.stderr


def test_damaged_windows_say_what_to_do(clips: Path, tmp_path: Path) -> None:
    run_inline(clips / "a.mp4", *RUN, "--out", tmp_path)
    windows = open_run(tmp_path / "a").layout.temporal
    windows.write_bytes(windows.read_bytes()[:1000])
    result = run_inline(clips / "b.mp4", *RUN, "--warm-start", tmp_path / "a", "--out", tmp_path)
    assert result.returncode == ExitCode.INPUT
    assert f"the windows of {tmp_path / 'a'} cannot be read" in result.stderr
    assert result.stderr.endswith("run its clip again with --overwrite\n")


def test_a_clip_after_a_damaged_run_warms_up_by_itself(clips: Path, tmp_path: Path) -> None:
    """The series goes on, and the record and the message say why there is no warm start."""
    run_inline(clips / "a.mp4", *PREVIOUS, "--out", tmp_path)
    windows = open_run(tmp_path / "a").layout.temporal
    windows.write_bytes(windows.read_bytes()[:1000])
    result = run_inline(clips, *PREVIOUS, "--out", tmp_path)
    assert result.returncode == 0, result.stderr
    reason = manifest(tmp_path / "b")["no_warm_start"]
    assert f"the windows of {tmp_path / 'a'} cannot be read" in reason
    assert manifest(tmp_path / "b")["warm_start"] is None
    assert f"the detector begins with nothing: {reason}" in result.stdout
    assert judged_from_s(tmp_path / "b") is None


def test_what_is_learned_is_what_a_run_with_a_gap_has_learned(clips: Path, tmp_path: Path) -> None:
    """After a gap of a camera the moving average begins anew, as it did in the run."""
    run_inline(clips / "a.mp4", *RUN, "--out", tmp_path)
    layout = open_run(tmp_path / "a").layout
    detector = CausalDetector(DetectorOptions(warmup_s=4))
    windows = zip(np.load(layout.timestamps), np.load(layout.temporal), strict=True)
    for number, (t_s, temporal) in enumerate(windows):
        if number == 2:
            detector.interrupt()
        detector.push(float(t_s), unit_vector(temporal))
    with EventLog(layout.events) as log:
        log.append(events.SourceGap(t_start_s=1.5, t_end_s=1.9, reason="unplugged"))
    run_inline(clips / "b.mp4", *RUN, "--warm-start", layout.root, "--out", tmp_path)
    assert (tmp_path / "b" / "state" / "warm_start.state").read_bytes() == packed(detector.learned(1.0))


def test_a_run_of_an_earlier_version(clips: Path, tmp_path: Path) -> None:
    """The defaults stand for options that it did not have; one without groups of options is named as such."""
    run_inline(clips / "a.mp4", *RUN, "--out", tmp_path)
    record = tmp_path / "a" / "run.json"
    content = json.loads(record.read_text())
    del content["options"]["encoder"]["resize_mode"]
    record.write_text(json.dumps(content))
    begin = (clips / "b.mp4", *RUN, "--warm-start", tmp_path / "a", "--out")
    assert run_inline(*begin, tmp_path / "one").returncode == 0
    record.write_text(json.dumps({**content, "options": {"encoder": "grid", "annotator": "none"}}))
    refused = run_inline(*begin, tmp_path / "two")
    assert refused.returncode == ExitCode.USAGE
    assert "holds a run of an earlier version" in refused.stderr


def test_another_lens_is_refused(clips: Path, tmp_path: Path) -> None:
    run_inline(clips / "a.mp4", *RUN, "--out", tmp_path)
    options = ("--encoder", "grid", "--lens", "phone", "--warm-start", tmp_path / "a")
    result = run_inline(clips / "b.mp4", *options, "--out", tmp_path / "other")
    assert result.returncode == ExitCode.USAGE
    assert "has other embeddings (lens.rectify: False then, True now)" in result.stderr


def test_another_calibration_is_refused(clips: Path, tmp_path: Path) -> None:
    calibrated = ("--encoder", "grid", "--detector-warmup-s", "4")
    for name, k1 in (("one", 0.02), ("two", 0.03)):
        (tmp_path / name).mkdir()
        write_intrinsics(tmp_path / name, k1=k1)
    lenses = [("--intrinsics", tmp_path / name / "intrinsics.json") for name in ("one", "two")]
    run_inline(clips / "a.mp4", *calibrated, *lenses[0], "--out", tmp_path)
    begin = (clips / "b.mp4", *calibrated, "--warm-start", tmp_path / "a", "--out", tmp_path)
    refused = run_inline(*begin, *lenses[1])
    assert refused.returncode == ExitCode.USAGE
    assert "has other embeddings (intrinsics k1: 0.02 then, 0.03 now)" in refused.stderr
    assert run_inline(*begin, *lenses[0]).returncode == 0


def test_a_run_without_a_warm_start_is_another_run(clips: Path, tmp_path: Path) -> None:
    run_inline(clips, *PREVIOUS, "--out", tmp_path)
    refused = run_inline(clips / "b.mp4", *RUN, "--out", tmp_path)
    assert refused.returncode == ExitCode.USAGE
    assert "detector.warm_start_sha256" in refused.stderr
