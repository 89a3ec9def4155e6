"""A run that was stopped or killed continues, and ends like one that never was."""

import json
import random
import signal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from stream.records.schema import events
from stream.records.store.event_log import read_events
from tests.support.clips import make_clip, remux
from tests.support.inline import run_inline
from tests.support.resumed import GRID, QUICK, assert_same
from tests.support.runs import (
    DEADLINE_S,
    manifest,
    run_cli,
    started,
    wait_for_event,
    worker_named,
    workers,
    write_intrinsics,
)
from tests.tools.kills import main as kills


def test_uninterrupted_run_has_something_to_lose(uninterrupted: Path) -> None:
    """The run that the others are compared with holds an anomaly, which is idle, cuts and checkpoints."""
    closed = [event for event in read_events(uninterrupted / "events.jsonl") if isinstance(event, events.SegmentClosed)]
    assert [event.kind == "anomalous" for event in closed] == [event.idle_s > 5 for event in closed]
    assert "anomalous" in {event.kind for event in closed}
    assert len(closed) >= 5
    assert len(np.load(uninterrupted / "clip_ts.npy")) == 58


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_stopped_run_resumes_with_the_same_command(
    worker_clip: Path, uninterrupted: Path, tmp_path: Path, number: int
) -> None:
    """After SIGTERM, or when the supervisor was killed, the same command continues; one window at most is repeated."""
    run_dir = tmp_path / "clip"
    words = (worker_clip, *GRID, *QUICK, "--out", tmp_path)
    with started(*words, "--queue-mib", "1") as process:
        wait_for_event(run_dir, lambda event: isinstance(event, events.Checkpoint), process)
        process.send_signal(number)
        assert process.wait(DEADLINE_S) == (143 if number == signal.SIGTERM else -9)
    result = run_cli(*words)
    assert (result.returncode, result.stderr) == (0, "")
    resumed = [event for event in read_events(run_dir / "events.jsonl") if isinstance(event, events.RunResumed)]
    (windows,) = (event.windows for event in resumed)
    assert 28 <= windows < 58
    assert manifest(run_dir)["usage"]["attempts"] == 2
    assert 58 <= manifest(run_dir)["usage"]["windows_encoded"] <= 59
    assert_same(run_dir, uninterrupted)


@pytest.mark.parametrize("name", ["ingest", "encode", "detect", "record"])
def test_process_that_dies_is_started_again(worker_clip: Path, uninterrupted: Path, tmp_path: Path, name: str) -> None:
    """When a process of the chain is killed the chain is started again, and ends as if nothing had been."""
    run_dir = tmp_path / "clip"
    with started(worker_clip, *GRID, *QUICK, "--out", tmp_path) as process:
        wait_for_event(run_dir, lambda event: isinstance(event, events.Checkpoint), process)
        worker_named(process, run_dir, name).kill()
        assert process.wait(DEADLINE_S) == 0
    restarts = [event for event in read_events(run_dir / "events.jsonl") if isinstance(event, events.StageRestarted)]
    assert [restart.process for restart in restarts] == [name]
    assert 58 <= manifest(run_dir)["usage"]["windows_encoded"] <= 59
    assert_same(run_dir, uninterrupted)


def is_at(seq: int, event: events.Event) -> bool:
    """Whether the run has come so far."""
    return event.seq >= seq


def test_killed_again_and_again(
    worker_clip: Path, uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything killed at once at random moments, time after time: the end is still the same."""
    run_dir = tmp_path / "clip"
    words = (worker_clip, *GRID, *QUICK, "--out", tmp_path)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    for moment in random.Random(3).sample(range(1, 9), 4):
        with started(*words) as process:
            wait_for_event(run_dir, partial(is_at, moment), process)
            for worker in workers(process):
                worker.kill()
            process.kill()
    assert run_cli(*words).returncode == 0
    assert 58 <= manifest(run_dir)["usage"]["windows_encoded"] <= 62
    assert_same(run_dir, uninterrupted)
    left = {path.name for path in run_dir.rglob("*") if path.suffix in (".part", ".state")}
    assert left == set()
    assert not list((tmp_path / "tmp").iterdir())


@pytest.mark.parametrize("kind", ["damaged", "without an index"])
def test_odd_clips_are_killed_too(kind: str, tmp_path: Path) -> None:
    """Runs of a damaged clip, and of one in which nothing can be sought, end as if none of their parts had died."""
    write_intrinsics(tmp_path)
    how: dict[str, Any] = {"frames": 300, "fps": 10, "key_every": 15, "b_frames": 3, "x265": "open-gop=1"}
    if kind == "damaged":
        clip = remux(make_clip(tmp_path / "whole.mp4", **how), tmp_path / "clip.mp4", without={67, 68, 135, 213})
    else:
        clip = make_clip(tmp_path / "clip.ts", **how)
    result = CliRunner().invoke(kills, [str(clip), "--times", "3", "--seed", "7"])
    figures = json.loads(result.output)
    assert sum(figures["kills"].values()) == 3
    assert figures["described"] > 0
    assert figures["runs"] >= 1
    assert (figures["differences"], figures["left"]) == ([], [])
    assert figures["most_repeated_a_kill"] <= 1
    assert result.exit_code == 0


def test_resume_after_a_power_cut_starts_at_the_last_checkpoint(
    worker_clip: Path, uninterrupted: Path, tmp_path: Path
) -> None:
    """On another boot the states since the last checkpoint do not count, and what they knew is done again."""
    run_dir = tmp_path / "clip"
    words = (worker_clip, *GRID, *QUICK, "--out", tmp_path)
    with started(*words, "--queue-mib", "1") as process:
        wait_for_event(run_dir, lambda event: isinstance(event, events.Checkpoint), process)
        process.kill()
    attempt = run_dir / "state" / "attempt"
    attempt.write_text(attempt.read_text().split()[0] + " an-earlier-boot\n")
    assert run_inline(*words).returncode == 0
    assert_same(run_dir, uninterrupted)


def test_killed_after_its_last_event(tmp_path: Path) -> None:
    """A run that has told its end, but not completed run.json, does so when it is called again, and embeds nothing."""
    write_intrinsics(tmp_path)
    worker_clip = make_clip(tmp_path / "clip.mp4", frames=120)
    words = (worker_clip, *GRID, "--out", tmp_path / "runs")
    run_dir = tmp_path / "runs" / "clip"
    assert run_inline(*words).returncode == 0
    whole = manifest(run_dir)
    arrays = {path.name: path.read_bytes() for path in run_dir.glob("*.npy")}
    begun = {
        **whole,
        "state": "running",
        "ended": None,
        "exit_code": None,
        "encoder": {},
        "rectification": {},
        "usage": {},
    }
    (run_dir / "run.json").write_text(json.dumps(begun))
    assert run_inline(*words).returncode == 0
    completed = manifest(run_dir)
    assert (completed["state"], completed["exit_code"]) == ("finished", 0)
    for facts in ("encoder", "rectification"):
        assert completed[facts] == whole[facts]
    assert completed["usage"]["windows_encoded"] == whole["usage"]["windows_encoded"] == 2
    assert {path.name: path.read_bytes() for path in run_dir.glob("*.npy")} == arrays


def test_soak_starts_over(tmp_path: Path) -> None:
    """A run with --loop has no end that could be reached: the same command starts it over."""
    write_intrinsics(tmp_path)
    worker_clip = make_clip(tmp_path / "clip.mp4", frames=30, fps=5)
    run_dir, ids = tmp_path / "runs" / "clip", [""]

    def is_new(event: events.Event) -> bool:
        return isinstance(event, events.RunStarted) and event.run_id != ids[-1]

    for _ in range(2):
        with started(worker_clip, *GRID, "--out", tmp_path / "runs", "--loop") as process:
            first = wait_for_event(run_dir, is_new, process)
            assert isinstance(first, events.RunStarted)
            ids.append(first.run_id)
            wait_for_event(run_dir, lambda event: isinstance(event, events.Checkpoint), process)
            process.terminate()
            assert process.wait(DEADLINE_S) == 143
    story = [event.event for event in read_events(run_dir / "events.jsonl")]
    assert story[0] == "run.started"
    assert "run.resumed" not in story
