"""Bad input ends with one clear sentence and the documented exit code, never a traceback."""

import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clips import make_audio, make_clip
from tests.support.inline import run_inline
from tests.support.runs import write_intrinsics

Words = list[str | Path]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A worker's folder: clips good and bad, a tar, a calibration."""
    folder = tmp_path_factory.mktemp("worker")
    make_clip(folder / "clip.mp4", frames=20)
    write_intrinsics(folder)
    (folder / "empty.mp4").touch()
    (folder / "notes.mp4").write_text("no video at all\n" * 500)
    make_audio(folder / "sound.mp4")
    with tarfile.open(folder / "part000.tar", "w") as tar:
        tar.add(folder / "clip.mp4", "clip.mp4")
    with tarfile.open(folder / "notes.tar", "w") as tar:
        tar.add(folder / "notes.mp4", "notes.txt")
    lonely = folder / "lonely"
    lonely.mkdir()
    shutil.copy(folder / "clip.mp4", lonely)
    return folder


def calibration(**changes: object) -> Callable[[Path, Path], Words]:
    """A run with a calibration of which something is wrong."""
    return lambda folder, tmp_path: [folder / "clip.mp4", "--intrinsics", write_intrinsics(tmp_path, **changes)]


CASES: dict[str, tuple[Callable[[Path, Path], Words], int, str]] = {
    "missing file": (lambda f, _: [f / "none.mp4"], 3, "none.mp4 does not exist"),
    "directory without a clip": (lambda _, t: [t], 3, "is empty"),
    "empty file": (lambda f, _: [f / "empty.mp4"], 3, "is empty"),
    "not a video": (lambda f, _: [f / "notes.mp4"], 3, "is not a video"),
    "audio only": (lambda f, _: [f / "sound.mp4"], 3, "no video stream"),
    "tar without a clip": (lambda f, _: [f / "notes.tar"], 3, "holds no video, only 1 x text (notes.txt)"),
    "list that is not there": (lambda f, _: [f"@{f}/none.txt"], 3, "none.txt cannot be read"),
    "two clips of one name": (lambda f, _: [f / "clip.mp4", f / "lonely" / "clip.mp4"], 2, "written as 'clip'"),
    "tar without the member": (lambda f, _: [f"{f}/part000.tar::other.mp4"], 3, "clip.mp4"),
    "no calibration": (lambda f, _: [f / "lonely" / "clip.mp4"], 3, "--no-rectify"),
    "calibration that is not there": (lambda f, t: [f / "clip.mp4", "--intrinsics", t / "no.json"], 3, "no.json"),
    "calibration without a key": (calibration(k3=None), 3, "'k3' is missing"),
    "calibration with NaN": (calibration(fx=float("nan")), 3, "'fx'"),
    "calibration of another picture": (calibration(image_height=128), 3, "128x128"),
    "calibration of another lens": (calibration(model="omni"), 3, "'model' is 'omni'"),
    "calibration in shares": (calibration(fx=0.3, fy=0.4, cx=0.5, cy=0.5), 3, "divided by the size of the picture"),
    "calibration off the picture": (calibration(cx=400.0), 3, "'cx' is 400, outside the 128 columns"),
    "view of almost nothing": (lambda f, _: [f / "clip.mp4", "--fov-scale", "0.05"], 2, "nearly flat"),
    "contradiction": (lambda f, _: [f / "clip.mp4", "--no-rectify", "--intrinsics", f / "a.json"], 2, "contradict"),
    "preset, file": (lambda f, _: [f / "clip.mp4", "--lens", "phone", "--intrinsics", f / "a.json"], 2, "give one"),
    "preset of another shape": (lambda f, _: [f / "clip.mp4", "--lens", "gopro-linear"], 3, "128x96 has another"),
    "value out of range": (lambda f, _: [f / "clip.mp4", "--balance", "2"], 2, "--balance"),
    "unknown option": (lambda f, _: [f / "clip.mp4", "--colour"], 2, "--colour"),
    "unknown encoder": (lambda f, _: [f / "clip.mp4", "--encoder", "dino"], 2, "vjepa2"),
    "weights for the grid": (lambda f, _: [f / "clip.mp4", "--encoder-model", "x"], 2, "grid encoder has no weights"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_one_sentence_and_the_code(case: str, folder: Path, tmp_path: Path) -> None:
    """Each kind of bad input ends with its code and says what is wrong, and leaves no run directory behind."""
    words, code, message = CASES[case]
    arguments = words(folder, tmp_path)
    encoder = () if "dino" in arguments else ("--encoder", "grid")
    result = run_inline(*arguments, *encoder, "--out", tmp_path / "runs")
    assert result.returncode == code
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "runs").exists()


def test_unwritable_output_is_named(folder: Path, tmp_path: Path) -> None:
    """An output directory that cannot be made is a usage error that names it."""
    (tmp_path / "file").touch()
    result = run_inline(folder / "clip.mp4", "--encoder", "grid", "--out", tmp_path / "file")
    assert result.returncode == 2
    assert str(tmp_path / "file") in result.stderr
