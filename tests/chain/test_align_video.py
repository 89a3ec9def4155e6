"""``align`` on rectified videos and on runs, whose depth a model estimates."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest

from models.depth.depth import Depth, ModelFacts
from models.weights.fetch import Report
from stream.run import align_models
from tests.support.clips import make_clip
from tests.support.inline import run_here, run_inline
from tests.support.pictures import psnr_db
from tests.support.rectified import invoke
from tests.support.runs import write_intrinsics

FRAMES = 12
IMAGES = "observation_image_left"


class FlatDepth:
    """Everything is 2 units away."""

    facts = ModelFacts("flat", "r1", "mit", "0" * 64)

    def estimate(self, pictures: Sequence[np.ndarray[Any, np.dtype[np.uint8]]], k: object) -> list[Depth]:  # noqa: ARG002
        sizes = [picture.shape[:2] for picture in pictures]
        return [Depth(np.full(size, 2.0, np.float32), np.ones(size, np.bool_), "relative") for size in sizes]


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A short clip with its lens; every depth model is the flat one."""

    def make(model: str, *, allow_download: bool, report: Report) -> FlatDepth:  # noqa: ARG001
        return FlatDepth()

    monkeypatch.setattr(align_models, "make_depth_estimator", make)
    write_intrinsics(tmp_path)
    return make_clip(tmp_path / "clip.mp4", frames=FRAMES)


def aligned(tmp_path: Path, source: Path, *options: str | Path) -> dict[str, Any]:
    """The record of an alignment whose camera does not move."""
    words = ("--output_dir", tmp_path / "out", "--depth-model", "flat", "--movement_distance", "0", "--save_h5")
    result = run_here("align", source, *words, *options)
    assert result.returncode == 0, result.stderr
    [path] = (tmp_path / "out").glob(f"{source.stem}_alignment.json")
    record: dict[str, Any] = json.loads(path.read_text())
    return record


def test_a_rectified_video_has_its_camera_beside_it(tmp_path: Path, clip: Path) -> None:
    assert invoke(clip, "--out", tmp_path / "rectified").exit_code == 0
    record = aligned(
        tmp_path, tmp_path / "rectified" / "clip_rectified.mp4", "--batch_size", "5", "--depth-scale", "0.5"
    )
    beside = json.loads((tmp_path / "rectified" / "clip_intrinsics.json").read_text())
    assert record["source_camera"]["k"][0] == [beside["fx"], 0.0, beside["cx"]]
    assert record["depth"]["model"] == {"name": "flat", "revision": "r1", "licence": "mit", "sha256": "0" * 64}
    assert (record["depth"]["unit"], record["depth"]["metres_per_unit"]) == ("metre", 0.5)
    assert {"part": "depth model", "name": "flat", "licence": "mit"} in record["rights"]
    assert (record["source"]["kind"], record["frames"]) == ("video", FRAMES)


def test_the_clip_of_a_run_is_rectified_as_the_run_did_it(tmp_path: Path, clip: Path) -> None:
    """Its pictures are those of the rectified video, and what the lens did not record is not real in either."""
    assert run_inline("run", clip, "--out", tmp_path / "runs", "--encoder", "grid", "--balance", "1").returncode == 0
    wide = ("--balance", "1")
    assert invoke(clip, "--out", tmp_path / "rectified", "--crf", "1", *wide).exit_code == 0
    record = aligned(tmp_path, tmp_path / "runs" / "clip")
    mask = cv2.imread(str(tmp_path / "rectified" / "clip_mask.png"), cv2.IMREAD_GRAYSCALE)
    assert 0.0 < np.mean(np.asarray(mask) == 0) < 0.9
    video = aligned(tmp_path, tmp_path / "rectified" / "clip_rectified.mp4")
    assert record["source_camera"] == video["source_camera"]
    assert (record["source"]["kind"], record["source"]["file"]) == ("run", "clip.mp4")
    with h5py.File(tmp_path / "out" / "clip.h5") as one, h5py.File(tmp_path / "out" / "clip_rectified.h5") as other:
        for index in range(FRAMES):
            pictures = [np.asarray(cv2.imdecode(file[IMAGES][index], cv2.IMREAD_COLOR)) for file in (one, other)]
            assert psnr_db(*pictures) > 32.0
            for file in (one, other):
                assert not np.any(file[f"{IMAGES}_origin"][index][np.asarray(mask) == 0] == 0)


def test_a_video_without_camera_or_with_a_data_set_is_refused(tmp_path: Path, clip: Path) -> None:
    words = ("--output_dir", tmp_path / "out")
    for more, code, message in (
        (("--depth-model", "flat"), 2, "the camera of clip.mp4 is not known"),
        (("--depth_key", "depth"), 2, "is no HDF5 episode"),
        (("--depth_key", "depth", "--depth-model", "flat"), 2, "contradict each other"),
    ):
        result = run_here("align", clip, *words, *more)
        assert (result.returncode, message in result.stderr) == (code, True), result.stderr
