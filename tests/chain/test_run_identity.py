"""A run resumes only with the same clip, seen through the same lens, embedded by the same model."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.support.clips import make_clip
from tests.support.inline import run_here, run_inline
from tests.support.runs import manifest, write_intrinsics

GRID = ("--encoder", "grid")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a short clip, in ``runs`` beside the ``worker`` folder of the clip."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "worker").mkdir()
    write_intrinsics(folder / "worker")
    clip = make_clip(folder / "worker" / "clip.mp4", frames=90)
    assert run_inline(clip, *GRID, "--out", folder / "runs").returncode == 0
    return folder


@pytest.fixture
def clip(finished: Path, tmp_path: Path) -> Path:
    """A copy of the clip, with a copy of its run."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return tmp_path / "worker" / "clip.mp4"


def test_changed_calibration_is_refused(clip: Path, tmp_path: Path) -> None:
    """The same file with another lens in it is another run; the sentence names what is different."""
    write_intrinsics(clip.parent, fx=41.0)
    other = run_inline(clip, *GRID, "--out", tmp_path / "runs")
    assert other.returncode == 2
    assert "(intrinsics fx: 40.0 then, 41.0 now)" in other.stderr


@pytest.mark.parametrize(("place", "name"), [("edge", "edges_sha256"), ("middle", "sha256")])
def test_changed_clip_is_refused(clip: Path, tmp_path: Path, place: str, name: str) -> None:
    """Another clip of the same size under the same name is another run, wherever it differs."""
    padding = bytes(3 * 2**20)
    clip.write_bytes(clip.read_bytes() + len(padding + bytes(8)).to_bytes(4, "big") + b"free" + bytes(4) + padding)
    assert run_inline(clip, *GRID, "--out", tmp_path / "runs", "--overwrite").returncode == 0
    data = bytearray(clip.read_bytes())
    data[-1 if place == "edge" else len(data) // 2] ^= 1
    clip.write_bytes(data)
    other = run_inline(clip, *GRID, "--out", tmp_path / "runs")
    assert other.returncode == 2
    assert f"holds another run ({name}: " in other.stderr


def test_moved_clip_is_the_same(clip: Path, tmp_path: Path) -> None:
    """A copy of clip and calibration elsewhere, with another time, is what the run is of."""
    folder = Path(shutil.copytree(clip.parent, tmp_path / "elsewhere", copy_function=shutil.copyfile))
    os.utime(folder / "clip.mp4", ns=(1, 1))
    before = manifest(tmp_path / "runs" / "clip")
    again = run_inline(folder / "clip.mp4", *GRID, "--out", tmp_path / "runs")
    assert again.returncode == 0
    assert "nothing to do" in again.stdout
    assert manifest(tmp_path / "runs" / "clip") == before


def test_run_of_an_earlier_version_is_refused(clip: Path, tmp_path: Path) -> None:
    """A run whose recorded options have no groups is neither resumed nor annotated, and is left as it is."""
    run_dir = tmp_path / "runs" / "clip"
    write_flat_options(run_dir)
    before = {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()}
    reason = (
        f"egoclean-stream: {run_dir} holds a run of an earlier version, whose options and saved states this version "
        "cannot read: finish or annotate it with that version, "
    )
    again = run_inline(clip, *GRID, "--out", tmp_path / "runs")
    assert (again.returncode, again.stderr) == (
        2,
        f"{reason}choose another --out, or start over with --overwrite\n",
    )
    annotated = run_here("annotate", run_dir, "--annotator", "openai")
    assert (annotated.returncode, annotated.stderr) == (2, f"{reason}or run its clip again with another --out\n")
    assert {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()} == before
    assert run_here("health", run_dir).returncode == 0
    assert run_inline(clip, *GRID, "--out", tmp_path / "runs", "--overwrite").returncode == 0


def write_flat_options(run_dir: Path) -> None:
    """Write the options of ``run.json`` as the earlier version did: without groups, but for detector and live."""
    flat = {
        "source": "clip.mp4", "intrinsics": "intrinsics.json", "rectify": True, "out": "runs", "decoder": "cpu",
        "encoder": "grid", "encoder_batch": 1, "window": "64@30", "annotator": "none", "annotator_model": None,
        "annotate": "all", "stride_s": 1.0, "loop": False, "restart": False,
        "detector": {"alpha": 0.15}, "live": {"follow": False},
    }  # fmt: skip
    (run_dir / "run.json").write_text(json.dumps({**manifest(run_dir), "options": flat}))
