"""What ``align`` refuses, in one sentence, with nothing written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.support.align_episodes import DEPTH, FRAMES, HEIGHT_PX, IMAGES, WIDTH_PX, align, make_camera, make_episode
from tests.support.inline import run_here


def replaced(name: str, data: "np.ndarray[Any, Any]") -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, data=data)

    return change


ZEROS = np.zeros((FRAMES, HEIGHT_PX, WIDTH_PX), np.float32)
BAD_EPISODES: dict[str, tuple[Callable[[h5py.File], None], str]] = {
    "no pictures": (
        lambda file: file.pop(IMAGES),
        f"no data set {IMAGES}; it has camera_timestamp, depth, robot/action",
    ),
    "no frames": (lambda file: file[IMAGES].resize((0,)), "has no frames"),
    "pictures of floats": (replaced(IMAGES, ZEROS), "but pictures are (N,) of JPEG bytes"),
    "other length": (replaced(DEPTH, ZEROS[1:]), "must be (6, 64, 96)"),
    "other size": (replaced(DEPTH, ZEROS[:, 1:]), "must be (6, 64, 96)"),
    "depth of integers": (replaced(DEPTH, ZEROS.astype(np.int32)), "holds int32"),
    "aligned before": (lambda file: file.attrs.update(view_alignment="{}"), "is itself an aligned episode"),
    "no valid depth": (replaced(DEPTH, ZEROS * np.nan), "none of the 6 frames"),
}


@pytest.mark.parametrize("name", BAD_EPISODES)
def test_a_bad_episode_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    change, words = BAD_EPISODES[name]
    source = tmp_path / "raw" / "episode_0.hdf5"
    if name == "no frames":
        source.parent.mkdir()
        with h5py.File(source, "w") as file:
            file.create_dataset(IMAGES, (0,), h5py.vlen_dtype(np.uint8))
    else:
        make_episode(source, change=change)
    result = align(tmp_path, source, "--save_h5")
    assert (result.returncode, result.stderr.count("\n")) == (3, 1), result.stderr
    assert words in result.stderr
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[1, 2]", "not a 4x4 matrix"),
        ("{}", "not a 4x4 matrix"),
        ("nonsense", "is not JSON"),
        (json.dumps((np.eye(4) * 2).tolist()), "--pose"),
        (json.dumps(np.diag([1.0, 1.0, -1.0, 1.0]).tolist()), "--pose"),
    ],
)
def test_a_pose_that_is_no_rigid_motion_is_refused(tmp_path: Path, content: str, words: str) -> None:
    source = make_episode(tmp_path / "raw" / "episode_0.hdf5")
    (tmp_path / "pose.json").write_text(content)
    result = align(tmp_path, source, "--pose", tmp_path / "pose.json")
    assert result.returncode == 2
    assert words in result.stderr


def test_what_does_not_fit_together_is_refused(tmp_path: Path) -> None:
    source = make_episode(tmp_path / "raw" / "episode_0.hdf5")
    out = ("--output_dir", tmp_path / "out")
    camera = ("--intrinsics", make_camera(tmp_path / "camera.json"))
    other = ("--intrinsics", make_camera(tmp_path / "other.json", 640, 480))
    depth = ("--depth_key", DEPTH)
    cases: list[tuple[tuple[str | Path, ...], int, str]] = [
        ((source, *out, *camera), 5, "there is no depth"),
        ((source, *out, *depth), 2, "the camera of episode_0.hdf5 is not known"),
        ((source, *out, *depth, *other), 3, "are for pictures of 640x480"),
        ((source, "--output_dir", source.parent, *depth, *camera), 2, "must not share one"),
        (("--h5_file", source, "--h5_dir", source.parent, *out), 2, "several are named"),
        ((*out,), 2, "none are named"),
        ((tmp_path / "gone.h5", *out), 3, "does not exist"),
        ((tmp_path, *out), 3, "holds no episode"),
    ]
    (tmp_path / "pose.json").write_text(json.dumps(np.eye(4).tolist()))
    pose = ("--pose", tmp_path / "pose.json", "--movement-distance", "0.1")
    cases.append(((source, *out, *camera, *depth, *pose), 2, "--movement_distance moves it, too"))
    for words, code, message in cases:
        result = run_here("align", *words)
        assert (result.returncode, message in result.stderr) == (code, True), result.stderr
    no_camera = make_episode(
        source.parent / "odd.h5", change=lambda file: file.create_dataset("k", data=np.zeros((3, 3)))
    )
    result = run_here("align", no_camera, *out, *depth, "--intrinsics_key", "k")
    assert (result.returncode, "the camera matrix of odd.h5" in result.stderr) == (3, True), result.stderr
    (source.parent / "episode_1.h5").write_bytes(source.read_bytes()[:4000])
    result = align(tmp_path, source.parent / "episode_1.h5")
    assert result.returncode == 3
    assert "was not written to its end" in result.stderr
