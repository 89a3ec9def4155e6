"""``rectify`` when it is stopped, and on a full disk."""

import signal
import subprocess
from pathlib import Path

import pytest

from stream.errors import ExitCode
from tests.support.clips import make_clip
from tests.support.rectified import FINE
from tests.support.runs import DEADLINE_S, program, started, write_intrinsics


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A short clip, with its calibration beside it."""
    write_intrinsics(tmp_path)
    return make_clip(tmp_path / "clip.mp4", frames=12)


def test_stopped_halfway_it_leaves_nothing(tmp_path: Path) -> None:
    """On SIGTERM the command ends with 143, and what was begun is removed."""
    write_intrinsics(tmp_path)
    clip = make_clip(tmp_path / "clip.mp4", frames=1200, key_every=100)
    with started("rectify", clip, "--out", tmp_path / "out", "--preset", "slow") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("clip  0:00:10.0 of 0:00:40.0")
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == ExitCode.SIGTERM
    assert not list((tmp_path / "out").iterdir())


def test_on_a_full_disk_it_leaves_nothing(clip: Path, tmp_path: Path) -> None:
    """A disk that is too small ends the command with 6, one sentence, and not a file."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=8k tmpfs {disk}"
    if subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("this system does not let a test mount a small disk")
    command = " ".join(program("rectify", clip, "--out", disk, *FINE))
    words = ["unshare", "-rm", "sh", "-c", f"{mount} && {command}; echo $? $(ls -A {disk})"]
    result = subprocess.run(words, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert result.stdout.splitlines()[-1] == "6"
    assert result.stderr.startswith("egoclean-stream: no room left on the disk")
    assert len(result.stderr.splitlines()) == 1
