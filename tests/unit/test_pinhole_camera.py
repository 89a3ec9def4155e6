"""Pinhole cameras from JSON files, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from stream.errors import IntrinsicsError
from stream.geometry.pinhole import PinholeCamera

FLAT = {"fx": 500.0, "fy": 510.0, "cx": 319.5, "cy": 179.5}
RECTIFIED = {"model": "pinhole", "image_width": 640, "image_height": 360, **FLAT}
K = [[500.0, 0.0, 319.5], [0.0, 510.0, 179.5], [0.0, 0.0, 1.0]]


@pytest.mark.parametrize(
    "values",
    [
        RECTIFIED,
        {"width": 640, "height": 360, **FLAT},
        {"k": K, "width": 640, "height": 360},
        {**RECTIFIED, "k1": 0.0, "source": {"name": "clip.mp4"}},
    ],
)
def test_each_spelling_is_the_same_camera(tmp_path: Path, values: dict[str, object]) -> None:
    """That of ``rectify``, shorter keys, and a matrix."""
    (path := tmp_path / "camera.json").write_text(json.dumps(values))
    camera = PinholeCamera.from_file(path)
    np.testing.assert_array_equal(camera.k, K)
    assert (camera.width_px, camera.height_px) == (640, 360)
    assert camera.values() == RECTIFIED


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fx": -1.0}, "'fx' is -1.0, input should be greater"),
        ({"image_width": None}, "'image_width' is missing"),
        ({"image_height": 360.5}, "'image_height' is 360.5"),
        ({"fx": 0.8, "fy": 0.8, "cx": 0.5, "cy": 0.5}, "divided by the size of the picture"),
        ({"model": "fisheye"}, "the model is 'fisheye', but a pinhole camera is needed"),
        ({"k1": 0.1}, "the lens has distortion, but a pinhole camera is needed"),
        ({"k": [[1, 2], [3, 4]]}, "'k' is not a matrix of three rows of three numbers"),
        ({"k": [[500.0, 1.0, 320.0], K[1], K[2]]}, "'k' has the skew 1"),
    ],
)
def test_what_is_no_pinhole_camera_is_refused(change: dict[str, object], words: str) -> None:
    """With its value, and what would be right."""
    with pytest.raises(IntrinsicsError, match=words):
        PinholeCamera.from_values(RECTIFIED | change)


@pytest.mark.parametrize(
    ("text", "words"), [("[1, 2]", "not a JSON object"), ("{", "not JSON"), ("hello", "not a JSON")]
)
def test_another_file_is_refused_by_name(tmp_path: Path, text: str, words: str) -> None:
    """As is one that is not there."""
    (path := tmp_path / "camera.json").write_text(text)
    with pytest.raises(IntrinsicsError, match=rf"camera .*camera\.json: {words}"):
        PinholeCamera.from_file(path)
    with pytest.raises(IntrinsicsError, match=r"none\.json cannot be read: No such file"):
        PinholeCamera.from_file(tmp_path / "none.json")


def test_resized_pictures_keep_their_rays() -> None:
    """The picture's corners, half a pixel outside the first and last centres, stay on their rays."""
    camera = PinholeCamera.from_values(RECTIFIED)
    half = camera.resized(320, 180)
    for corner, of_half in (((-0.5, -0.5, 1.0), (-0.5, -0.5, 1.0)), ((639.5, 359.5, 1.0), (319.5, 179.5, 1.0))):
        np.testing.assert_allclose(np.linalg.inv(camera.k) @ corner, np.linalg.inv(half.k) @ of_half)
