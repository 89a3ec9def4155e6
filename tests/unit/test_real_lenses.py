"""Real pictures of real fisheye lenses: the remap agrees with OpenCV, and with the tools of others."""

import json

import cv2
import numpy as np
import pytest

from stream.geometry.calibrations.table import read_calibration
from stream.geometry.camera import Camera, fit_camera
from stream.geometry.frame_format import frame_format_of
from stream.geometry.intrinsics import Intrinsics
from stream.geometry.remap import FusedRemap
from stream.geometry.viewport import Viewport, source_map
from stream.pipeline.items import Float64, UInt8
from tests.support.pictures import (
    FISHEYE,
    frame_of,
    full_size,
    needs_shared,
    psnr_db,
    rgb_of,
)


def at_full_size(rgb: UInt8, camera: Camera) -> UInt8:
    frame = frame_of(rgb)
    whole = Viewport(camera.width, camera.height, 1.0, 1.0)
    return FusedRemap(frame_format_of(frame), source_map(whole, camera.width, camera.height, camera))(frame)


def board(number: int) -> tuple[UInt8, Intrinsics]:
    picture = cv2.imread(str(FISHEYE / "stereo_board" / f"left{number}.jpg"), cv2.IMREAD_COLOR_RGB)
    return np.asarray(picture, np.uint8), read_calibration(
        FISHEYE / "stereo_board" / "intrinsics_left_derived.json"
    ).intrinsics


@needs_shared
def test_a_real_picture_is_undistorted_as_opencv_does_it() -> None:
    """On the calibration board, map for map and picture for picture, inside what the lens sees."""
    rgb, intrinsics = board(9)
    camera = fit_camera(intrinsics, 960, 600, 0.0, 0.5)
    x, y = cv2.fisheye.initUndistortRectifyMap(camera.k, camera.d, np.eye(3), camera.new_k, (960, 600), cv2.CV_32FC1)
    source = source_map(Viewport(960, 600, 1.0, 1.0), 960, 600, camera)
    np.testing.assert_allclose(source.x[source.valid], x[source.valid], atol=1e-3)
    np.testing.assert_allclose(source.y[source.valid], y[source.valid], atol=1e-3)
    expected = full_size(rgb_of(frame_of(rgb)), camera)
    assert source.valid_fraction > 0.9
    assert psnr_db(at_full_size(rgb, camera)[source.valid], expected[source.valid]) >= 40.0


def bend(rgb: UInt8) -> float | None:
    """Mean distance of the board's 9x6 inner corners from the lines fitted to their rows and columns, in squares."""
    success, corners = cv2.findChessboardCornersSB(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (9, 6))
    if not success:
        return None
    grid = np.asarray(corners, np.float64).reshape(6, 9, 2)
    lines: list[Float64] = [*grid, *grid.transpose(1, 0, 2)]
    residuals = [np.abs((line - line.mean(0)) @ np.linalg.svd(line - line.mean(0))[2][1]).mean() for line in lines]
    return float(np.mean(residuals) / np.hypot(*(grid[0, 1] - grid[0, 0])))


@pytest.mark.slow
@needs_shared
def test_the_boards_lines_become_straight() -> None:
    """Over all board pictures our lines are as straight as those of a full-size OpenCV remap, to 10 %."""
    pairs: list[tuple[float, float, float]] = []
    for number in (1, 5, 9, 13, 17, 25):
        rgb, intrinsics = board(number)
        camera = fit_camera(intrinsics, 960, 600, 0.0, 0.35)
        ours, theirs, raw = bend(at_full_size(rgb, camera)), bend(full_size(rgb, camera)), bend(rgb)
        if ours is not None and theirs is not None and raw is not None:
            pairs.append((ours, theirs, raw))
    ours_mean, theirs_mean, raw_mean = np.mean(pairs, axis=0)
    assert len(pairs) >= 3
    assert ours_mean <= 1.1 * theirs_mean
    assert ours_mean < 0.5 * raw_mean


@needs_shared
def test_another_toolkits_picture_is_matched() -> None:
    """Aria's own tools, from the factory calibration, make the same pinhole picture: >= 38 dB where both see."""
    folder = FISHEYE / "aria"
    target = json.loads((folder / "adt_camera-rgb_oracle_pinhole.json").read_text())
    raw, oracle = (
        np.asarray(cv2.imread(str(folder / f"adt_camera-rgb_000{name}.png"), cv2.IMREAD_COLOR_RGB), np.uint8)
        for name in ("", "_oracle_pinhole")
    )
    fitted = fit_camera(read_calibration(folder / "adt_camera-rgb_intrinsics.json").intrinsics, 1408, 1408)
    new_k = np.array([[target["fx"], 0, target["cx"]], [0, target["fy"], target["cy"]], [0, 0, 1.0]])
    camera = Camera(1408, 1408, fitted.k, fitted.lens, new_k)
    source = source_map(Viewport(704, 704, 1.0, 1.0), 1408, 1408, camera)
    frame = frame_of(raw)
    ours = FusedRemap(frame_format_of(frame), source)(frame)
    both = source.valid & (oracle.max(axis=2) > 0)
    assert both.mean() > 0.5
    assert psnr_db(ours[both], oracle[both]) >= 38.0
