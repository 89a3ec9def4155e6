"""The main job: real processes, real sockets, a real clip; drained, stopped and killed."""

import hashlib
import json
import os
import signal
import subprocess
from itertools import pairwise
from pathlib import Path

import cv2
import jsonschema
import numpy as np
import psutil
import pytest

from stream.records.schema import events
from stream.records.schema.generate import path_of, schemas
from stream.records.store.event_log import read_events
from tests.support.clips import make_clip, remux
from tests.support.facts import without
from tests.support.runs import (
    DEADLINE_S,
    manifest,
    program,
    run_cli,
    started,
    wait_for_event,
    worker_named,
    workers,
    write_intrinsics,
)
from tests.support.tiny_models import TINY_DIMS, save_tiny_vjepa2

GRID = ("--encoder", "grid")
SHARED = Path(__file__).parents[2].parent / "shared/data/egocentric100k_like/factory001/worker001"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds of moving texture, with its calibration beside it."""
    folder = tmp_path_factory.mktemp("worker")
    write_intrinsics(folder)
    return make_clip(folder / "clip.mp4", frames=360, key_every=30)


def told(run_dir: Path) -> list[events.Event]:
    """All events of a run."""
    return list(read_events(run_dir / "events.jsonl"))


def assert_valid(run_dir: Path) -> None:
    """Everything in a run directory that readers rely on is valid, whatever state the run is in."""
    stem = run_dir.name
    lines = (run_dir / "events.jsonl").read_text().splitlines()
    checks = jsonschema.Draft202012Validator(schemas()["events"])
    for number, line in enumerate(lines):
        checks.validate(json.loads(line))
        assert json.loads(line)["seq"] == number
    jsonschema.Draft202012Validator(schemas()["run"]).validate(manifest(run_dir))
    actions = json.loads((run_dir / f"{stem}_annotations.json").read_text())
    jsonschema.Draft202012Validator(schemas()["annotations"]).validate(actions)
    if (run_dir / f"{stem}_ts.npy").exists():
        rows = {len(np.load(run_dir / f"{stem}_{name}.npy", allow_pickle=False)) for name in ("emb", "temb", "ts")}
        assert max(rows) - min(rows) <= 1
    segments = [event for event in told(run_dir) if isinstance(event, events.SegmentClosed)]
    assert all(a.t_end_s == b.t_start_s for a, b in pairwise(segments))


def test_run_keeps_its_promises(clip: Path, tmp_path: Path) -> None:
    """A whole run: exit 0, a gapless partition, closed books, one outcome a segment, arrays that load."""
    result = run_cli(clip, *GRID, "--out", tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    run_dir = tmp_path / "clip"
    assert_valid(run_dir)
    story = told(run_dir)
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


def test_manifest_says_where_everything_comes_from(clip: Path, tmp_path: Path) -> None:
    """``run.json`` holds the source's hash, the lens, the encoder under its own name, the options and what it cost."""
    run_cli(clip, *GRID, "--out", tmp_path, "--balance", "0.5", "--price-per-hour", "3.6")
    said = manifest(tmp_path / "clip")
    assert (said["state"], said["exit_code"]) == ("finished", 0)
    assert len(said["source"]["sha256"]) == 64
    assert said["source"]["stream"]["codec"] == "hevc"
    assert said["intrinsics"]["k1"] == 0.1
    assert len(said["rectification"]["tile_map_sha256"]) == 64
    assert np.shape(said["rectification"]["new_k"]) == (3, 3)
    assert said["encoder"]["model"].startswith("grid")
    assert "no learned weights" in said["encoder"]["weights_sha256"]
    assert said["options"]["lens"]["balance"] == 0.5
    assert said["options"]["machine"]["price_per_hour"] == 3.6
    assert said["schemas"]["events"] == hashlib.sha256(path_of("events").read_bytes()).hexdigest()
    assert said["usage"]["dollars"] == pytest.approx(said["usage"]["wall_s"] * 0.001, rel=0.01)
    assert set(said["usage"]["processes"]) == {"ingest", "encode", "detect", "record"}


def test_two_runs_tell_the_same(clip: Path, tmp_path: Path) -> None:
    """The same clip with the same options gives the same arrays and the same events, times of day aside."""
    stories = []
    for name in ("a", "b"):
        assert run_cli(clip, *GRID, "--out", tmp_path / name).returncode == 0
        run_dir = tmp_path / name / "clip"
        arrays = [(run_dir / f"clip_{kind}.npy").read_bytes() for kind in ("emb", "temb", "ts")]
        apart = {"time", "run_id", "wall_s"}
        stories.append((arrays, [without(event, *apart) for event in told(run_dir)]))
    assert stories[0] == stories[1]


def test_keyframes_are_rectified_pictures(clip: Path, tmp_path: Path) -> None:
    """Keyframes come once a second, at the asked size, and differ from what the lens saw."""
    run_cli(clip, *GRID, "--out", tmp_path / "a", "--keyframe-px", "64")
    run_cli(clip, *GRID, "--out", tmp_path / "b", "--keyframe-px", "64", "--no-rectify")
    one, other = (cv2.imread(str(tmp_path / k / "clip" / "keyframes" / "0000003000.jpg")) for k in "ab")
    assert one is not None
    assert other is not None
    assert one.shape == other.shape == (48, 64, 3)
    assert np.abs(one.astype(int) - other.astype(int)).mean() > 5


@pytest.mark.parametrize("without", [range(125, 140), range(120, 180)], ids=["a torn group", "whole groups"])
def test_damaged_clip_is_reported_and_exits_4(clip: Path, tmp_path: Path, without: range) -> None:
    """A clip with lost packets is run to its end; the lost time is told, counted in the books, and the code is 4."""
    write_intrinsics(tmp_path)
    remux(clip, tmp_path / "cut.mp4", without=without)
    result = run_cli(tmp_path / "cut.mp4", *GRID, "--out", tmp_path)
    assert result.returncode == 4
    assert_valid(tmp_path / "cut")
    story = told(tmp_path / "cut")
    damage = [event for event in story if isinstance(event, events.SourceDamaged)]
    end = story[-1]
    assert isinstance(end, events.RunFinished)
    assert damage
    assert end.damaged_s == pytest.approx(sum(event.t_end_s - event.t_start_s for event in damage), abs=1e-3)
    assert end.decoded_s == pytest.approx(end.skipped_s + end.damaged_s, abs=5e-4)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signal_drains_the_chain(clip: Path, tmp_path: Path, number: int, code: int) -> None:
    """A signal ends a soak in order: the documented code, every window whole, the reason on record, nobody left."""
    run_dir = tmp_path / "clip"
    with started(clip, *GRID, "--out", tmp_path, "--loop") as process:
        wait_for_event(run_dir, lambda event: isinstance(event, events.Checkpoint), process)
        children = workers(process)
        process.send_signal(number)
        assert process.wait(DEADLINE_S) == code
    assert not [child for child in children if child.is_running()]
    assert_valid(run_dir)
    last = told(run_dir)[-1]
    assert isinstance(last, events.RunFailed)
    assert (last.exit_code, last.reason) == (code, f"stopped by {signal.Signals(number).name}")
    assert len(np.load(run_dir / "clip_ts.npy")) == len(np.load(run_dir / "clip_emb.npy")) >= 28


@pytest.mark.parametrize("name", ["ingest", "encode", "detect", "record"])
def test_process_that_dies_beyond_the_budget_fails_the_run(clip: Path, tmp_path: Path, name: str) -> None:
    """A process that is killed with no restart left ends the run with its reason and 70; what was written is valid."""
    run_dir = tmp_path / "clip"
    with started(clip, *GRID, "--out", tmp_path, "--pace", "realtime", "--max-restarts", "0") as process:
        wait_for_event(run_dir, lambda event: isinstance(event, events.SegmentOpened), process)
        children = workers(process)
        worker_named(process, run_dir, name).kill()
        assert process.wait(DEADLINE_S) == 70
        assert process.stderr is not None
        assert f"the {name} process was killed by SIGKILL" in process.stderr.read()
    assert not [child for child in children if child.is_running()]
    assert_valid(run_dir)
    last = told(run_dir)[-1]
    assert isinstance(last, events.RunFailed)
    assert "SIGKILL" in last.reason


def test_killed_supervisor_leaves_no_orphans(clip: Path, tmp_path: Path) -> None:
    """When the supervisor is killed its processes end by themselves and remove their sockets."""
    run_dir = tmp_path / "clip"
    with started(clip, *GRID, "--out", tmp_path, "--loop") as process:
        wait_for_event(run_dir, lambda event: isinstance(event, events.Checkpoint), process)
        children = workers(process)
        sockets = {Path(str(c.laddr)).parent for child in children for c in child.net_connections("unix") if c.laddr}
        process.kill()
        _, alive = psutil.wait_procs(children, timeout=DEADLINE_S)
    assert not alive
    assert sockets
    assert not [folder for folder in sockets if folder.exists()]


def test_finished_run_is_not_repeated(clip: Path, tmp_path: Path) -> None:
    """The same command again finds the finished run, says so, and changes nothing; --overwrite runs it anew."""
    assert run_cli(clip, *GRID, "--out", tmp_path).returncode == 0
    before = (tmp_path / "clip" / "events.jsonl").read_bytes()
    again = run_cli(clip, *GRID, "--out", tmp_path)
    assert again.returncode == 0
    assert "nothing to do" in again.stdout
    assert (tmp_path / "clip" / "events.jsonl").read_bytes() == before
    assert run_cli(clip, *GRID, "--out", tmp_path, "--overwrite").returncode == 0
    assert (tmp_path / "clip" / "events.jsonl").read_bytes() != before


def test_other_options_do_not_overwrite_a_run(clip: Path, tmp_path: Path) -> None:
    """A directory that holds a run with other options is left alone; the message names the option and both values."""
    assert run_cli(clip, *GRID, "--out", tmp_path).returncode == 0
    before = (tmp_path / "clip" / "events.jsonl").read_bytes()
    other = run_cli(clip, *GRID, "--out", tmp_path, "--stride-s", "0.5")
    assert other.returncode == 2
    assert "stride_s: 1.0 then, 0.5 now" in other.stderr
    assert (tmp_path / "clip" / "events.jsonl").read_bytes() == before


def test_clip_shorter_than_a_window_is_one_unscored_segment(tmp_path: Path) -> None:
    """A clip without a single window is one typical segment that says it was never scored."""
    write_intrinsics(tmp_path)
    clip = make_clip(tmp_path / "short.mp4", frames=20)
    assert run_cli(clip, *GRID, "--out", tmp_path).returncode == 0
    (segment,) = (event for event in told(tmp_path / "short") if isinstance(event, events.SegmentClosed))
    assert (segment.t_start_s, segment.kind, segment.windows) == (0.0, "typical", 0)
    assert segment.t_end_s == pytest.approx(2 / 3)
    assert (segment.score_mean, segment.theta_on) == (None, None)


def test_realtime_keeps_the_clips_pace(tmp_path: Path) -> None:
    """With --pace realtime a run lasts as long as its clip, at least."""
    write_intrinsics(tmp_path)
    clip = make_clip(tmp_path / "slow.mp4", frames=100)
    assert run_cli(clip, *GRID, "--out", tmp_path, "--pace", "realtime").returncode == 0
    assert manifest(tmp_path / "slow")["usage"]["wall_s"] > 99 / 30


def test_real_model_runs_in_the_chain(tmp_path: Path) -> None:
    """V-JEPA 2 runs in the chain from a local folder, at its own frame size, and the record names its weights."""
    write_intrinsics(tmp_path)
    clip = make_clip(tmp_path / "clip.mp4", frames=80)
    model = save_tiny_vjepa2(tmp_path / "tiny", encoder_px=64)
    result = run_cli(clip, "--encoder", "vjepa2", "--encoder-model", model, "--out", tmp_path / "runs")
    assert (result.returncode, result.stderr) == (0, "")
    run_dir = tmp_path / "runs" / "clip"
    assert np.load(run_dir / "clip_temb.npy").shape == (1, 32, TINY_DIMS)
    said = manifest(run_dir)["encoder"]
    assert said["weights_sha256"] == hashlib.sha256((model / "model.safetensors").read_bytes()).hexdigest()
    assert "grid" not in json.dumps(said)


def test_base_install_is_enough_for_grid(clip: Path, tmp_path: Path) -> None:
    """The chain runs with the grid encoder where torch, transformers and matplotlib are not installed."""
    for name in ("torch", "transformers", "torchvision", "matplotlib", "huggingface_hub", "safetensors"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not installed here')")
    bare = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    words = program(clip, *GRID, "--out", tmp_path / "runs")
    result = subprocess.run(words, capture_output=True, text=True, timeout=DEADLINE_S, check=False, env=bare)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.skipif(not SHARED.exists(), reason="the real clips are not part of the project")
@pytest.mark.parametrize("number", [0, 1])
def test_real_clips_out_of_their_tar(tmp_path: Path, number: int) -> None:
    """On real first-person footage, read in place from its tar, every true stretch is found live, and nothing else."""
    stem = f"factory_001_worker_001_000{number}"
    assert run_cli(f"{SHARED}/part000.tar::{stem}.mp4", *GRID, "--out", tmp_path).returncode == 0
    assert_valid(tmp_path / stem)
    found = [
        (event.t_start_s, event.t_end_s)
        for event in told(tmp_path / stem)
        if isinstance(event, events.SegmentClosed) and event.kind == "anomalous"
    ]
    truth = [(true["t_start_s"], true["t_end_s"]) for true in json.loads((SHARED / "truth.json").read_text())[stem]]
    assert len(found) == len(truth)
    for (start_s, end_s), (true_start_s, true_end_s) in zip(found, truth, strict=True):
        assert abs(start_s - true_start_s) <= 3.0
        assert abs(end_s - true_end_s) <= 3.0
