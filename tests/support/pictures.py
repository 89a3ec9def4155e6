"""Pictures for tests of remapping, and how near two of them are."""

from functools import cache
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from stream.demo.lens import demo_intrinsics
from stream.demo.render import render_frames
from stream.geometry.camera import Camera, fit_camera
from stream.geometry.frame_format import frame_format_of
from stream.geometry.frame_remap import FrameRemap
from stream.geometry.lenses.table import intrinsics_from
from stream.pipeline.items import Float64, UInt8

SHARED = Path(__file__).parents[2].parent / "shared"
FISHEYE = SHARED / "data" / "fisheye"
needs_shared = pytest.mark.skipif(not FISHEYE.is_dir(), reason=f"real fisheye pictures are not at {FISHEYE}")

FULL_HD, SMALL = (1920, 1080), (456, 256)


@cache
def scene(size: tuple[int, int]) -> UInt8:
    """A busy frame with noise, as a camera gives it."""
    return next(islice(render_frames(seconds=1.0, size=size, fps=1), 1))


def frame_of(rgb: UInt8, pixel_format: str = "yuv420p") -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pixel_format)


def rgb_of(frame: av.VideoFrame) -> UInt8:
    """What FFmpeg shows."""
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def psnr_db(one: UInt8, other: UInt8) -> float:
    error = float(np.mean((one.astype(np.float64) - other) ** 2))
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def camera_for(size: tuple[int, int], balance: float = 0.0, fov_scale: float = 1.0, **changed: float) -> Camera:
    intrinsics = intrinsics_from({**demo_intrinsics(*size).model_dump(), **changed})
    return fit_camera(intrinsics, *size, balance, fov_scale)


def full_size(rgb: UInt8, camera: Camera) -> UInt8:
    """OpenCV's own undistortion, at full size."""
    return np.asarray(cv2.fisheye.undistortImage(rgb, camera.k, camera.d, None, camera.new_k), np.uint8)


def antialiased(length: int, new_length: int) -> Float64:
    """(wanted, length) weights of the antialiased bilinear resize of torchvision and Pillow."""
    step = length / new_length
    centres = (np.arange(new_length) + 0.5) * step - 0.5
    weights = np.clip(1.0 - np.abs(np.arange(length) - centres[:, None]) / max(step, 1.0), 0.0, None)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float64)


def reference_frame(rgb: UInt8) -> UInt8:
    """The slow way: antialiased resize of the whole picture, shortest edge to 292, then a floored centre crop."""
    height, width = rgb.shape[:2]
    short = min(height, width)
    rows, columns = antialiased(height, int(292 * height / short)), antialiased(width, int(292 * width / short))
    top, left = (len(rows) - 256) // 2, (len(columns) - 256) // 2
    resized = np.einsum("yh,hwc->ywc", rows[top : top + 256], rgb, optimize=True)
    frame = np.einsum("xw,ywc->yxc", columns[left : left + 256], resized, optimize=True)
    return np.asarray(frame.round().clip(0, 255), np.uint8)


def encoder_frame_of(frame: av.VideoFrame, camera: Camera | None) -> UInt8:
    return FrameRemap(frame_format_of(frame), camera).encoder_frame(frame)
