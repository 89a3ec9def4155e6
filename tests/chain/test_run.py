"""The main job in this process: what a run records of a whole, a damaged, a short and a real clip."""

import hashlib
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from stream.records.schema import events
from stream.records.schema.generate import path_of
from tests.support.at_event import at_event
from tests.support.clips import make_clip, remux
from tests.support.facts import without
from tests.support.inline import run_inline
from tests.support.run_directory import assert_valid, events_of
from tests.support.runs import manifest, write_intrinsics

GRID = ("--encoder", "grid")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds of moving texture, with its calibration beside it."""
    folder = tmp_path_factory.mktemp("worker")
    write_intrinsics(folder)
    return make_clip(folder / "clip.mp4", frames=360, key_every=30)


@pytest.fixture(scope="module")
def finished(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a finished run of the clip, to be read only."""
    out = tmp_path_factory.mktemp("finished")
    result = run_inline(clip, *GRID, "--out", out)
    assert (result.returncode, result.stderr) == (0, "")
    return out


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    """A copy of it, to be run again."""
    return Path(shutil.copytree(finished, tmp_path / "out"))


def test_run_keeps_its_promises(finished: Path) -> None:
    """A whole run has a gapless partition, closed accounting, one outcome per segment, and arrays that load."""
    run_dir = finished / "clip"
    assert_valid(run_dir)
    story = events_of(run_dir)
    segments = [event for event in story if isinstance(event, events.SegmentClosed)]
    assert (segments[0].t_start_s, segments[-1].t_end_s, segments[-1].closed_by) == (0.0, 12.0, "end_of_stream")
    settled = [event.segment_id for event in story if isinstance(event, events.SegmentSkipped)]
    assert settled == [segment.segment_id for segment in segments]
    end = story[-1]
    assert isinstance(end, events.RunFinished)
    assert (end.decoded_s, end.skipped_s, end.frames, end.windows) == (12.0, 12.0, 360, 10)
    assert np.load(run_dir / "clip_temb.npy").shape == (10, 32, 1024)
    assert sum(segment.keyframes for segment in segments) == len(list((run_dir / "keyframes").iterdir())) == 12
    assert json.loads((run_dir / "clip_annotations.json").read_text()) == []
    assert not list(run_dir.glob("**/*.part"))


@pytest.mark.slow
def test_manifest_has_the_provenance(clip: Path, tmp_path: Path) -> None:
    """``run.json`` holds the source's hash, the lens, the encoder under its own name, the options and what it cost."""
    run_inline(clip, *GRID, "--out", tmp_path, "--balance", "0.5", "--price-per-hour", "3.6")
    recorded = manifest(tmp_path / "clip")
    assert (recorded["state"], recorded["exit_code"]) == ("finished", 0)
    assert len(recorded["source"]["sha256"]) == 64
    assert recorded["source"]["stream"]["codec"] == "hevc"
    assert recorded["intrinsics"]["k1"] == 0.1
    assert recorded["intrinsics_format"] == "Egocentric JSON"
    assert len(recorded["rectification"]["tile_map_sha256"]) == 64
    assert np.shape(recorded["rectification"]["new_k"]) == (3, 3)
    assert recorded["encoder"]["model"].startswith("grid")
    assert "no learned weights" in recorded["encoder"]["weights_sha256"]
    assert recorded["options"]["lens"]["balance"] == 0.5
    assert recorded["options"]["machine"]["price_per_hour"] == 3.6
    assert recorded["schemas"]["events"] == hashlib.sha256(path_of("events").read_bytes()).hexdigest()
    assert recorded["usage"]["dollars"] == pytest.approx(recorded["usage"]["wall_s"] * 0.001, rel=0.01)


@pytest.mark.slow
def test_an_approximate_lens_is_named_first_and_in_the_record(clip: Path, tmp_path: Path) -> None:
    """``--lens`` takes the place of the calibration beside the clip; the first line and ``run.json`` say what it is."""
    done = run_inline(clip, *GRID, "--out", tmp_path, "--lens", "phone", "--new-camera", "opencv")
    assert done.stdout.splitlines()[0].startswith("the lens is an approximate preset phone")
    recorded = manifest(tmp_path / "clip")
    assert recorded["intrinsics_format"] == "approximate preset phone"
    assert recorded["intrinsics"]["model"] == recorded["rectification"]["lens_model"] == "pinhole"
    assert recorded["rectification"]["new_camera"] == "opencv"
    again = run_inline(clip, *GRID, "--out", tmp_path)
    assert again.returncode == 2
    assert "lens.preset" in again.stderr


@pytest.mark.slow
def test_two_runs_record_the_same(clip: Path, finished: Path, tmp_path: Path) -> None:
    """The same clip with the same options gives the same arrays and the same events, times of day aside."""
    assert run_inline(clip, *GRID, "--out", tmp_path).returncode == 0
    stories = []
    for run_dir in (finished / "clip", tmp_path / "clip"):
        arrays = [(run_dir / f"clip_{kind}.npy").read_bytes() for kind in ("emb", "temb", "ts")]
        apart = {"time", "run_id", "wall_s"}
        stories.append((arrays, [without(event, *apart) for event in events_of(run_dir)]))
    assert stories[0] == stories[1]


@pytest.mark.slow
def test_keyframes_are_rectified_pictures(clip: Path, tmp_path: Path) -> None:
    """Keyframes come once a second, at the asked size, and differ from what the lens saw."""
    run_inline(clip, *GRID, "--out", tmp_path / "a", "--keyframe-px", "64")
    run_inline(clip, *GRID, "--out", tmp_path / "b", "--keyframe-px", "64", "--no-rectify")
    one, other = (cv2.imread(str(tmp_path / k / "clip" / "keyframes" / "0000003000.jpg")) for k in "ab")
    assert one is not None
    assert other is not None
    assert one.shape == other.shape == (48, 64, 3)
    assert np.abs(one.astype(int) - other.astype(int)).mean() > 5


@pytest.mark.slow
@pytest.mark.parametrize("without", [range(125, 140), range(120, 180)], ids=["a torn group", "whole groups"])
def test_damaged_clip_is_reported_and_exits_4(clip: Path, tmp_path: Path, without: range) -> None:
    """A clip with lost packets is run to its end; the lost time is recorded and accounted for; the code is 4."""
    write_intrinsics(tmp_path)
    remux(clip, tmp_path / "cut.mp4", without=without)
    result = run_inline(tmp_path / "cut.mp4", *GRID, "--out", tmp_path)
    assert result.returncode == 4
    assert_valid(tmp_path / "cut")
    story = events_of(tmp_path / "cut")
    damage = [event for event in story if isinstance(event, events.SourceDamaged)]
    end = story[-1]
    assert isinstance(end, events.RunFinished)
    assert damage
    assert end.damaged_s == pytest.approx(sum(event.t_end_s - event.t_start_s for event in damage), abs=1e-3)
    assert end.decoded_s == pytest.approx(end.skipped_s + end.damaged_s, abs=5e-4)


@pytest.mark.slow
def test_finished_run_is_not_repeated(clip: Path, out: Path) -> None:
    """The same command finds the finished run, says so, and changes nothing; --overwrite runs the clip again."""
    before = (out / "clip" / "events.jsonl").read_bytes()
    again = run_inline(clip, *GRID, "--out", out)
    assert again.returncode == 0
    assert "nothing to do" in again.stdout
    assert again.stdout.splitlines()[-1] == f"run directory: {out / 'clip'}"
    assert (out / "clip" / "events.jsonl").read_bytes() == before
    assert run_inline(clip, *GRID, "--out", out, "--overwrite").returncode == 0
    assert (out / "clip" / "events.jsonl").read_bytes() != before


@pytest.mark.slow
def test_death_after_the_last_event_is_not_a_failure(clip: Path, finished: Path, tmp_path: Path) -> None:
    """The run has finished: the chain is not restarted, and run.json is completed."""

    def die() -> None:
        raise RuntimeError("killed")

    with at_event(events.RunFinished, die):
        result = run_inline(clip, *GRID, "--out", tmp_path)
    assert result.returncode == 0
    assert "finished: " in result.stdout
    recorded, undisturbed = (events_of(folder / "clip") for folder in (tmp_path, finished))
    assert [event.event for event in recorded] == [event.event for event in undisturbed]
    after = manifest(tmp_path / "clip")
    assert (after["state"], after["exit_code"], after["encoder"]["model"]) == ("finished", 0, "grid-v2")
    left = [{path.name for path in (folder / "clip" / "state").iterdir()} for folder in (tmp_path, finished)]
    assert left[0] == left[1]


def test_other_options_do_not_overwrite_a_run(clip: Path, out: Path) -> None:
    """A directory that holds a run with other options is left alone; the message names the option and both values."""
    before = (out / "clip" / "events.jsonl").read_bytes()
    other = run_inline(clip, *GRID, "--out", out, "--stride-s", "0.5")
    assert other.returncode == 2
    assert "stride_s: 1.0 then, 0.5 now" in other.stderr
    assert (out / "clip" / "events.jsonl").read_bytes() == before


def test_clip_shorter_than_a_window_is_one_unscored_segment(tmp_path: Path) -> None:
    """A clip without a single window is one segment of unknown kind that says it was never scored."""
    write_intrinsics(tmp_path)
    clip = make_clip(tmp_path / "short.mp4", frames=20)
    assert run_inline(clip, *GRID, "--out", tmp_path).returncode == 0
    (segment,) = (event for event in events_of(tmp_path / "short") if isinstance(event, events.SegmentClosed))
    assert (segment.t_start_s, segment.kind, segment.windows) == (0.0, "unknown", 0)
    assert segment.t_end_s == pytest.approx(2 / 3)
    assert (segment.score_mean, segment.theta_on) == (None, None)
