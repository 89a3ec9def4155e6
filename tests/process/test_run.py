"""The main job by processes and sockets: drained, stopped and killed. tests/chain/test_run.py checks the records."""

import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import psutil
import pytest

from stream.records.schema import events
from tests.support.clips import make_clip
from tests.support.run_directory import assert_valid, events_of
from tests.support.runs import (
    DEADLINE_S,
    make_clip_with_lens,
    manifest,
    program,
    run_cli,
    started,
    wait_for_event,
    worker_named,
    workers,
    write_intrinsics,
)

GRID = ("--encoder", "grid")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds of moving texture, with its calibration beside it."""
    return make_clip_with_lens(tmp_path_factory.mktemp("worker"), seconds=12, fps=5)


def test_the_processes_run_a_clip_at_its_pace(tmp_path: Path) -> None:
    """A whole run by processes: exit 0 and valid records. With --pace realtime it lasts as long as its clip."""
    write_intrinsics(tmp_path)
    clip = make_clip(tmp_path / "slow.mp4", frames=100)
    result = run_cli(clip, *GRID, "--out", tmp_path, "--pace", "realtime")
    assert (result.returncode, result.stderr) == (0, "")
    assert_valid(tmp_path / "slow")
    usage = manifest(tmp_path / "slow")["usage"]
    assert usage["wall_s"] > 99 / 30
    assert set(usage["processes"]) == {"ingest", "encode", "detect", "record"}


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
    last = events_of(run_dir)[-1]
    assert isinstance(last, events.RunFailed)
    assert (last.exit_code, last.reason) == (code, f"stopped by {signal.Signals(number).name}")
    assert len(np.load(run_dir / "clip_ts.npy")) == len(np.load(run_dir / "clip_emb.npy")) >= 28


@pytest.mark.parametrize("name", ["ingest", "record"])
def test_process_that_dies_beyond_the_budget_fails_the_run(clip: Path, tmp_path: Path, name: str) -> None:
    """A process that is killed with no restart left ends the run with its reason and 70; what was written is valid.

    The first and the last of the chain: tests/process/test_resume.py kills each.
    """
    run_dir = tmp_path / "clip"
    with started(clip, *GRID, "--out", tmp_path, "--loop", "--pace", "realtime", "--max-restarts", "0") as process:
        wait_for_event(run_dir, lambda event: isinstance(event, events.SegmentOpened), process)
        children = workers(process)
        worker_named(process, run_dir, name).kill()
        assert process.wait(DEADLINE_S) == 70
        assert process.stderr is not None
        assert f"the {name} process was killed by SIGKILL" in process.stderr.read()
    assert not [child for child in children if child.is_running()]
    assert_valid(run_dir)
    last = events_of(run_dir)[-1]
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


def test_base_install_is_enough_for_grid(clip: Path, tmp_path: Path) -> None:
    """The chain runs with the grid encoder where torch, transformers and matplotlib are not installed."""
    for name in ("torch", "transformers", "torchvision", "matplotlib", "huggingface_hub", "safetensors"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not installed here')")
    bare = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    words = program(clip, *GRID, "--out", tmp_path / "runs")
    result = subprocess.run(words, capture_output=True, text=True, timeout=DEADLINE_S, check=False, env=bare)
    assert (result.returncode, result.stderr) == (0, "")
