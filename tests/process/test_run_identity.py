"""A run goes on only with the same clip, seen through the same lens, embedded by the same model."""

import os
import shutil
from pathlib import Path

import pytest

from tests.support.clips import make_clip
from tests.support.runs import manifest, run_cli, write_intrinsics

GRID = ("--encoder", "grid")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A finished run of a short clip is in ``runs`` beside its worker's folder."""
    (tmp_path / "worker").mkdir()
    write_intrinsics(tmp_path / "worker")
    clip = make_clip(tmp_path / "worker" / "clip.mp4", frames=90)
    assert run_cli(clip, *GRID, "--out", tmp_path / "runs").returncode == 0
    return clip


def test_changed_calibration_is_refused(clip: Path, tmp_path: Path) -> None:
    """The same file with another lens in it is another run; the sentence names what is different."""
    write_intrinsics(clip.parent, fx=41.0)
    other = run_cli(clip, *GRID, "--out", tmp_path / "runs")
    assert other.returncode == 2
    assert "(intrinsics fx: 40.0 then, 41.0 now)" in other.stderr


@pytest.mark.parametrize(("place", "name"), [("edge", "edges_sha256"), ("middle", "sha256")])
def test_changed_clip_is_refused(clip: Path, tmp_path: Path, place: str, name: str) -> None:
    """Another clip of the same size under the same name is another run, wherever it differs."""
    padding = bytes(3 * 2**20)
    clip.write_bytes(clip.read_bytes() + len(padding + bytes(8)).to_bytes(4, "big") + b"free" + bytes(4) + padding)
    assert run_cli(clip, *GRID, "--out", tmp_path / "runs", "--overwrite").returncode == 0
    data = bytearray(clip.read_bytes())
    data[-1 if place == "edge" else len(data) // 2] ^= 1
    clip.write_bytes(data)
    other = run_cli(clip, *GRID, "--out", tmp_path / "runs")
    assert other.returncode == 2
    assert f"holds another run ({name}: " in other.stderr


def test_moved_clip_is_the_same(clip: Path, tmp_path: Path) -> None:
    """A copy of clip and calibration elsewhere, with another time, is what the run is of."""
    folder = Path(shutil.copytree(clip.parent, tmp_path / "elsewhere", copy_function=shutil.copyfile))
    os.utime(folder / "clip.mp4", ns=(1, 1))
    before = manifest(tmp_path / "runs" / "clip")
    again = run_cli(folder / "clip.mp4", *GRID, "--out", tmp_path / "runs")
    assert again.returncode == 0
    assert "nothing to do" in again.stdout
    assert manifest(tmp_path / "runs" / "clip") == before
