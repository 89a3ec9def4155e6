"""Cameras, pictures and depth for tests of the warp."""

import cv2
import numpy as np

from models.depth.depth import Depth
from stream.geometry.pinhole import PinholeCamera
from stream.pipeline.items import Float32, UInt8


def camera(width_px: int = 96, height_px: int = 64, focal_px: float = 80.0) -> PinholeCamera:
    """A camera with its principal point in the middle."""
    k = np.array([[focal_px, 0.0, (width_px - 1) / 2], [0.0, focal_px, (height_px - 1) / 2], [0.0, 0.0, 1.0]])
    return PinholeCamera(k, width_px, height_px)


def smooth_picture(of: PinholeCamera, seed: int = 0) -> UInt8:
    """(H, W, 3) that interpolation reproduces well."""
    noise = np.random.default_rng(seed).uniform(0, 255, (of.height_px, of.width_px, 3)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 3.0)
    return np.asarray(cv2.normalize(blurred, np.empty(0), 20, 235, cv2.NORM_MINMAX), np.uint8)


def depth_of(z: Float32) -> Depth:
    """Metres, valid where they are finite and positive."""
    return Depth(z.astype(np.float32), np.isfinite(z) & (z > 0.0), "metre")


def flat_depth(of: PinholeCamera, z_m: float = 1.0) -> Depth:
    """A wall."""
    return depth_of(np.full((of.height_px, of.width_px), z_m, np.float32))
