"""Bad input and a full disk by the program itself: one clear sentence and the documented exit code."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.clips import make_clip
from tests.support.runs import DEADLINE_S, program, run_cli, write_intrinsics


def test_missing_file(tmp_path: Path) -> None:
    """The program exits with 3 and names the file; tests/chain/test_bad_input.py has the other kinds of bad input."""
    result = run_cli(tmp_path / "none.mp4", "--encoder", "grid", "--out", tmp_path / "runs")
    assert result.returncode == 3
    assert result.stderr.startswith(f"egoclean-stream: {tmp_path / 'none.mp4'} does not exist")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_weights_that_are_not_there_stop_the_run(tmp_path: Path) -> None:
    """Without weights the default encoder stops with exit 5 and names the way out; it never falls back."""
    offline = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    write_intrinsics(tmp_path)
    words = program(make_clip(tmp_path / "clip.mp4", frames=20), "--out", tmp_path / "runs")
    result = subprocess.run(words, capture_output=True, text=True, timeout=DEADLINE_S, check=False, env=offline)
    assert result.returncode == 5
    assert "--encoder grid" in result.stderr
    assert "facebook/vjepa2-vitl-fpc64-256" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_full_disk_ends_with_6_and_leaves_what_is_valid(tmp_path: Path) -> None:
    """On a disk that fills up mid-run the run ends with exit 6 and says so; it does not hang or trace back."""
    disk = tmp_path / "disk"
    disk.mkdir()
    clip = make_clip(tmp_path / "long.mp4", frames=600, key_every=30)
    write_intrinsics(tmp_path)
    mount = f"mount -t tmpfs -o size=600k tmpfs {disk}"
    if subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("this system does not let a test mount a small disk")
    command = " ".join(program(clip, "--encoder", "grid", "--engine", "inline", "--out", disk))
    words = ["unshare", "-rm", "sh", "-c", f"{mount} && {command}"]
    result = subprocess.run(words, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert (result.returncode, "no room left" in result.stderr) == (6, True), result.stderr
    assert "Traceback" not in result.stderr
