"""The motion of a camera between two of its frames, from the depth of the first and points tracked to the second."""

from dataclasses import dataclass
from typing import Any, Final, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from models.depth.depth import Depth
from stream.geometry.pinhole import PinholeCamera
from stream.geometry.pose import RigidPose
from stream.pipeline.items import Float32, Float64, UInt8

_T = TypeVar("_T", bound=np.generic)
_WIDTH_PX: Final = 640
"""Points are tracked in pictures that are no wider: two thirds of the time, and as exact to the size of a pixel."""
_POINTS_MAX: Final = 600
_INLIERS_LEAST: Final = 30
_INLIER_SHARE_LEAST: Final = 0.5
_INLIER_PX: Final = 1.5
"""Of the pictures in which points are tracked."""
_DEPTH_STEP_MAX: Final = 0.03
"""Depth around a point may differ by this share: at an edge, the point's own is not known."""
_EDGE_PX: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Points of one picture, found again in another one."""

    first_xy: Float32
    """(N, 2), pixels of the pictures."""
    second_xy: Float32
    """(N, 2)."""


@dataclass(frozen=True, slots=True, eq=False)
class CameraMotion:
    """How the camera moved from the first frame to the second."""

    second_from_first: RigidPose
    """In the unit of the first frame's depth."""
    first_points: Float64
    """(N, 3) points that did not move by themselves, in the camera of the first frame."""
    second_xy: Float32
    """(N, 2) where the second frame shows them, pixels."""


def estimate_motion(
    camera: PinholeCamera,
    first: UInt8,
    depth: Depth,
    second: UInt8,
    is_excluded: npt.NDArray[np.bool_] | None = None,
) -> CameraMotion | None:
    """The motion by which most tracked points fit (perspective-n-point by RANSAC, then least squares).

    It is a function of the two frames alone.

    Args:
        camera: Of both frames.
        first: (H, W, 3) BGR.
        depth: Of ``first``.
        second: (H, W, 3) BGR.
        is_excluded: (H, W) pixels of ``first`` that may move by themselves.

    Returns:
        None if too few points, or too small a share of them, agree on one motion.
    """
    is_usable = depth.is_valid & is_smooth(depth)
    if is_excluded is not None:
        is_usable &= ~is_excluded
    tracks = track_points(first, second, is_usable)
    if len(tracks.first_xy) < _INLIERS_LEAST:
        return None
    points = _points_of(camera, depth, tracks.first_xy)
    shrink = max(1.0, camera.width_px / _WIDTH_PX)
    found, rotation, translation, inliers = cv2.solvePnPRansac(
        points,
        tracks.second_xy.astype(np.float64),
        camera.k,
        None,
        iterationsCount=200,
        reprojectionError=_INLIER_PX * shrink,
        confidence=0.999,
        flags=cv2.SOLVEPNP_SQPNP,
    )
    if not found or inliers is None or len(inliers) < max(_INLIERS_LEAST, _INLIER_SHARE_LEAST * len(points)):
        return None
    chosen = inliers[:, 0]
    points, second_xy = points[chosen], tracks.second_xy[chosen]
    refined = cv2.solvePnPRefineLM(points, second_xy.astype(np.float64), camera.k, None, rotation, translation)
    pose = RigidPose(np.asarray(cv2.Rodrigues(refined[0])[0], np.float64), np.asarray(refined[1], np.float64)[:, 0])
    return CameraMotion(pose, points, second_xy)


def track_points(first: UInt8, second: UInt8, is_usable: npt.NDArray[np.bool_]) -> Tracks:
    """Corners of the first picture that the second one shows, too: tracked there and back to where they began.

    Args:
        first: (H, W, 3) BGR.
        second: (H, W, 3) BGR.
        is_usable: (H, W) pixels of ``first`` that may be chosen.
    """
    height, width = is_usable.shape
    size = _WIDTH_PX, round(height * _WIDTH_PX / width)
    if width <= _WIDTH_PX:
        size = width, height
    grey_first, grey_second = (_grey(picture, size) for picture in (first, second))
    mask = cv2.resize(is_usable.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    corners: Any = cv2.goodFeaturesToTrack(grey_first, _POINTS_MAX, 0.01, 8, mask=mask)
    if corners is None:  # as it returns if there are none, unlike what its types say
        return Tracks(np.empty((0, 2), np.float32), np.empty((0, 2), np.float32))
    there, was_found, _ = cv2.calcOpticalFlowPyrLK(grey_first, grey_second, corners, np.empty_like(corners))
    back, was_found_again, _ = cv2.calcOpticalFlowPyrLK(grey_second, grey_first, there, np.empty_like(corners))
    is_back = np.abs(back - corners).max(axis=(1, 2)) < 0.5
    kept = is_back & (was_found[:, 0] == 1) & (was_found_again[:, 0] == 1)
    scale = np.array([width / size[0], height / size[1]], np.float32)
    first_xy, second_xy = ((xy[kept, 0] + 0.5) * scale - 0.5 for xy in (corners, there))
    return Tracks(np.asarray(first_xy, np.float32), np.asarray(second_xy, np.float32))


def sample(values: npt.NDArray[_T], xy: npt.NDArray[np.floating]) -> npt.NDArray[_T]:
    """Values at the pixels nearest to positions (N, 2), which may be up to half a pixel outside."""
    height, width = values.shape[:2]
    column = np.rint(xy[:, 0]).astype(np.intp).clip(0, width - 1)
    row = np.rint(xy[:, 1]).astype(np.intp).clip(0, height - 1)
    return np.asarray(values[row, column], values.dtype)


def is_smooth(depth: Depth) -> npt.NDArray[np.bool_]:
    """(H, W): depth changes little around the pixel, and all of it is valid."""
    kernel = np.ones((_EDGE_PX, _EDGE_PX), np.uint8)
    nearest = cv2.erode(np.where(depth.is_valid, depth.z, 0).astype(np.float32), kernel)
    return np.asarray((nearest > 0) & (cv2.dilate(depth.z, kernel) <= nearest * (1 + _DEPTH_STEP_MAX)), np.bool_)


def _points_of(camera: PinholeCamera, depth: Depth, xy: Float32) -> Float64:
    z = sample(depth.z, xy).astype(np.float64)
    rays = np.column_stack([xy.astype(np.float64), np.ones(len(xy))]) @ np.linalg.inv(camera.k).T
    return np.asarray(rays * z[:, None], np.float64)


def _grey(picture: UInt8, size: tuple[int, int]) -> UInt8:
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return np.asarray(
        grey if grey.shape[::-1] == size else cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8
    )
