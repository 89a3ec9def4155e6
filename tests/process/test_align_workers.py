"""Episodes that are aligned by worker processes, and a call that is killed."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.align_episodes import DEPTH, make_camera, make_episode


def command(tmp_path: Path, source: Path, out: str, *options: str) -> list[str | Path]:
    camera = make_camera(tmp_path / "camera.json")
    words = ("--output_dir", tmp_path / out, "--intrinsics", camera, "--depth_key", DEPTH, "--save_h5")
    return [sys.executable, "-m", "stream.cli", "align", source, *words, *options]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
def test_workers_change_no_byte_and_a_killed_call_goes_on(tmp_path: Path) -> None:
    """Killed with a frame in its spool, by a signal that no process can handle."""
    source = make_episode(tmp_path / "raw" / "episode_0.hdf5", frames=400)
    make_episode(tmp_path / "raw" / "episode_1.hdf5")
    alone = subprocess.run(command(tmp_path, source.parent, "alone"), capture_output=True, text=True, check=False)
    assert alone.returncode == 0, alone.stderr
    killed = subprocess.Popen(command(tmp_path, source, "killed"), start_new_session=True)
    lines = tmp_path / "killed" / ".episode_0.align" / "frames.jsonl"
    while killed.poll() is None and not (lines.exists() and lines.read_bytes()):
        pass
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed" / "episode_0.h5").exists()
    words = command(tmp_path, source.parent, "killed", "--workers", "2")
    resumed = subprocess.run(words, capture_output=True, text=True, check=False)
    assert resumed.returncode == 0, resumed.stderr
    assert "2 of 2 episodes done" in resumed.stdout
    assert contents(tmp_path / "killed") == contents(tmp_path / "alone")
