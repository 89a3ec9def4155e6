"""``--jobs``: several clips at once, a process for each, and one encoder for all."""

import json
import signal
import tarfile
from pathlib import Path

import numpy as np
import psutil

from stream.errors import ExitCode
from tests.support.clips import make_clip
from tests.support.inline import run_inline
from tests.support.runs import DEADLINE_S, manifest, run_cli, started, wait_for_event, write_intrinsics
from tests.support.tiny_models import save_tiny_vjepa2

GRID = ("--encoder", "grid")
INLINE = ("--engine", "inline")
"""One process for each clip, where its chain is not what is tested."""


def test_two_at_a_time_make_what_one_after_the_other_would(tmp_path: Path) -> None:
    """Windows of both go through one encoder, and the rows, the record and the summary are those of a series."""
    model = save_tiny_vjepa2(tmp_path / "model", encoder_px=64)
    write_intrinsics(tmp_path)
    clips = [make_clip(tmp_path / f"{name}.mp4", frames=frames) for name, frames in (("a", 150), ("b", 180))]
    asks = ("--encoder", "vjepa2", "--encoder-model", model, "--window", "16@8")
    assert run_inline(clips[0], *asks, "--out", tmp_path / "alone").returncode == 0
    result = run_cli(*clips, *asks, "--out", tmp_path / "runs", "--jobs", "2", "--encoder-batch", "4")
    assert result.returncode == 0, result.stderr
    for kind in ("emb", "temb", "ts"):
        expected, actual = (np.load(tmp_path / out / "a" / f"a_{kind}.npy") for out in ("alone", "runs"))
        np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-5)
    assert len(np.load(tmp_path / "runs" / "b" / "b_emb.npy")) == 5
    recorded = manifest(tmp_path / "runs" / "b")
    assert recorded["encoder"]["weights_sha256"] == manifest(tmp_path / "alone" / "a")["encoder"]["weights_sha256"]
    assert "resolved" not in recorded["options"]
    assert [line for line in result.stdout.splitlines() if line.startswith("a.mp4  s0000")]
    assert result.stdout.splitlines()[-1].startswith("2 of 2 clips done;")
    record = json.loads((tmp_path / "runs" / "series.json").read_text())
    assert (sorted(clip["exit_code"] for clip in record["clips"]), record["left"]) == ([0, 0], [])


def test_a_bad_clip_does_not_stop_the_others(tmp_path: Path) -> None:
    """It has its line and its code; the rest is done, and a second call finds nothing to do."""
    write_intrinsics(tmp_path)
    clips = [make_clip(tmp_path / f"{name}.mp4", frames=20) for name in ("a", "b")]
    (tmp_path / "bad.mp4").write_text("no video at all\n" * 500)
    words = (clips[0], tmp_path / "bad.mp4", clips[1], *GRID, *INLINE, "--out", tmp_path / "runs", "--jobs", "3")
    result = run_cli(*words)
    assert result.returncode == ExitCode.INPUT
    assert "bad.mp4  " in result.stdout
    assert result.stdout.splitlines()[-1].startswith("2 of 3 clips done, 1 failed;")
    assert run_inline(*words[:-2]).stdout.count("nothing to do") == 2


def test_a_compressed_tar_is_read_once_for_all(tmp_path: Path) -> None:
    """The program reads it in order, and hands each clip to the processes of its run."""
    write_intrinsics(tmp_path)
    tar = tmp_path / "part000.tar.gz"
    with tarfile.open(tar, "w:gz") as packed:
        for name in ("a", "b"):
            packed.add(make_clip(tmp_path / f"{name}.mp4", frames=20), f"{name}.mp4")
    result = run_cli(tar, *GRID, "--out", tmp_path / "runs", "--jobs", "2")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1].startswith("2 of 2 clips done;")


def test_lines_for_programs_stay_whole(tmp_path: Path) -> None:
    """With --log-format json every line of standard output is an event, and says of which run."""
    write_intrinsics(tmp_path)
    clips = [make_clip(tmp_path / f"{name}.mp4", frames=20) for name in ("a", "b")]
    result = run_cli(*clips, *GRID, *INLINE, "--out", tmp_path / "runs", "--jobs", "2", "--log-format", "json")
    assert result.returncode == 0, result.stderr
    records = [json.loads(line) for line in result.stdout.splitlines()]
    finished = [event["run_id"] for event in records if event["event"] == "run.finished"]
    assert sorted(finished) == sorted(manifest(tmp_path / "runs" / name)["run_id"] for name in ("a", "b"))


def test_a_signal_drains_all_and_leaves_nothing(tmp_path: Path) -> None:
    """SIGTERM to the parent: each run ends in order and can continue, and no process is left."""
    write_intrinsics(tmp_path)
    clips = [make_clip(tmp_path / f"{name}.mp4", frames=300, fps=5) for name in ("a", "b", "c")]
    words: tuple[str | Path, ...] = (
        *clips,
        *GRID,
        *INLINE,
        "--out",
        tmp_path / "runs",
        "--jobs",
        "2",
        "--pace",
        "realtime",
    )
    with started(*words) as process:
        for name in ("a", "b"):
            wait_for_event(tmp_path / "runs" / name, lambda event: event.event == "segment.opened", process)
        below = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == ExitCode.SIGTERM
    assert psutil.wait_procs(below, timeout=DEADLINE_S)[1] == []
    assert output.splitlines()[-1].startswith("0 of 3 clips done, 2 stopped, 1 not begun;")
    assert [manifest(tmp_path / "runs" / name)["exit_code"] for name in ("a", "b")] == [143, 143]
    assert not (tmp_path / "runs" / "c").exists()


def test_runs_can_be_resumed_after_their_parent_is_killed(tmp_path: Path) -> None:
    """After kill -9 the jobs see that nobody is there, drain, and leave no process."""
    write_intrinsics(tmp_path)
    clips = [make_clip(tmp_path / f"{name}.mp4", frames=300, fps=5) for name in ("a", "b")]
    with started(*clips, *GRID, "--out", tmp_path / "runs", "--jobs", "2", "--pace", "realtime") as process:
        for name in ("a", "b"):
            wait_for_event(tmp_path / "runs" / name, lambda event: event.event == "segment.opened", process)
        below = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        assert psutil.wait_procs(below, timeout=DEADLINE_S)[1] == []
    assert [manifest(tmp_path / "runs" / name)["exit_code"] for name in ("a", "b")] == [143, 143]
