"""Motion between two frames: that of the head, and what moves independently of it.

Head motion is an affine flow: points on a grid are tracked by pyramidal Lucas-Kanade (Bouguet, 2000), and six
parameters are fitted to their displacements by iteratively reweighted least squares with Tukey's biweight (Holland and
Welsch, 1977), so that moving hands, as outliers, do not count. The second frame is then aligned with the first. What is
left is measured by the normal displacement of Irani, Rousso and Peleg ("Computing occluding and transparent motions",
IJCV 12, 1994), a lower bound of the true one:

    d(x) = sum |I_t| |grad I| / (sum |grad I|^2 + C)        sums over 5x5 pixels around x

``C`` keeps noise in plain areas from counting as motion. From I_t its local mean is subtracted, which cancels exposure.
"""

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np

from stream.pipeline.items import Float32, Float64, UInt8

PLANE_PX: Final = 64
"""Side of the plane on which motion is measured, pixels."""
MOVING_WIDTHS_S: Final = 0.05
"""A pixel moves independently from this speed on, in picture widths a second."""
_MOVED_MAX_PX: Final = 1.0
"""Or from this displacement on, if the frames are far apart: greater ones cannot be measured."""
_SMOOTHING_PX: Final = 1.0
_GRID: Final = 8
_WINDOW_PX: Final = (11, 11)
_LEVELS: Final = 2
_ITERATIONS: Final = 3
_TUKEY: Final = 4.685
"""95% efficiency for normal errors."""
_MAD_TO_SIGMA: Final = 1.4826
_SIGMA_MIN_PX: Final = 0.05
_TRACKED_MIN: Final = 0.25
"""Share of the points that must be tracked; with fewer, frames are compared as if the head did not move."""
_NOISE: Final = 8.0
"""``C``, squared grey levels."""
_BORDER_MAX_PX: Final = PLANE_PX // 3
"""If the head moves farther between two frames, too little of the picture is in both."""

_CENTRE: Final = (PLANE_PX - 1) / 2
_AXIS: Final = (np.arange(_GRID) + 0.5) * (PLANE_PX / _GRID) - 0.5
_POINTS: Final = np.stack(np.meshgrid(_AXIS, _AXIS), axis=-1).reshape(-1, 1, 2).astype(np.float32)
_BASIS: Final[Float64] = np.concatenate([(_POINTS[:, 0] - _CENTRE) / _CENTRE, np.ones((_GRID**2, 1))], axis=1)
"""(64, 3): x, y from -1 to 1, and 1."""
_CORNERS: Final[Float64] = np.array([[x, y, 1.0] for x in (-1.0, 1.0) for y in (-1.0, 1.0)])
_RIDGE: Final[Float64] = np.diag([1.0, 1.0, 0.01]) * 1e-3 * _GRID**2
"""Points on a line, or few, do not determine rotation and scale: these are then 0."""


@dataclass(frozen=True, slots=True)
class FrameMotion:
    """What moved between two frames."""

    moving_share: float | None
    """Share of the picture, from 0 to 1, that moves independently of the head at ``MOVING_WIDTHS_S`` or faster; None if
    the head moves too fast to tell."""
    head_widths_s: float
    """Mean speed of the picture as a whole, in picture widths a second."""


def motion_plane(rgb: UInt8) -> UInt8:
    """(64, 64) uint8, smoothed: the green channel of a square frame (S, S, 3) uint8, which is most of its luma."""
    small = cv2.resize(np.ascontiguousarray(rgb[:, :, 1]), (PLANE_PX, PLANE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), _SMOOTHING_PX), np.uint8)


def motion_between(before: UInt8, after: UInt8, elapsed_s: float) -> FrameMotion:
    """Measure the motion between two planes of ``motion_plane`` that are ``elapsed_s`` seconds apart."""
    affine = _head_motion(before, after)
    per_s = 1.0 / (PLANE_PX * elapsed_s)
    flow = _BASIS @ affine
    head_widths_s = float(np.hypot(flow[:, 0], flow[:, 1]).mean()) * per_s
    border = int(np.ceil(np.abs(_CORNERS @ affine).max()))
    if border > _BORDER_MAX_PX:
        return FrameMotion(None, head_widths_s)
    inside = slice(border, PLANE_PX - border)
    displacement = _normal_displacement(before, _aligned(after, affine))[inside, inside]
    moved_px = min(MOVING_WIDTHS_S / per_s, _MOVED_MAX_PX)
    return FrameMotion(float((displacement > moved_px).mean()), head_widths_s)


def _head_motion(before: UInt8, after: UInt8) -> Float64:
    """(3, 2) float64: displacement in pixels, as a linear function of ``_BASIS``."""
    places, found, _ = cv2.calcOpticalFlowPyrLK(
        before, after, _POINTS, np.empty_like(_POINTS), winSize=_WINDOW_PX, maxLevel=_LEVELS, criteria=(3, 5, 0.05)
    )
    tracked: Float64 = found[:, 0].astype(np.float64)
    affine: Float64 = np.zeros((3, 2))
    if tracked.mean() < _TRACKED_MIN:
        return affine
    moved: Float64 = np.where(tracked[:, None] > 0, (places - _POINTS)[:, 0], 0.0).astype(np.float64)
    weights = tracked
    for _ in range(_ITERATIONS):
        weighted = _BASIS * weights[:, None]
        affine = np.linalg.solve(_BASIS.T @ weighted + _RIDGE, weighted.T @ moved).astype(np.float64)
        residuals = moved - _BASIS @ affine
        errors = np.sqrt(np.einsum("nd,nd->n", residuals, residuals))
        median = np.partition(errors, _GRID**2 // 2)[_GRID**2 // 2]  # the upper one; np.median takes ten times as long
        sigma = max(_MAD_TO_SIGMA * float(median), _SIGMA_MIN_PX)
        weights = tracked * np.maximum(1.0 - (errors / (_TUKEY * sigma)) ** 2, 0.0) ** 2
    return affine


def _aligned(after: UInt8, affine: Float64) -> UInt8:
    """The second plane, moved back onto the first."""
    matrix: Float64 = np.eye(2, 3)
    matrix[:, :2] += affine[:2].T / _CENTRE
    matrix[:, 2] = affine[2] - affine[0] - affine[1]
    how: dict[str, Any] = {"flags": cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, "borderMode": cv2.BORDER_REPLICATE}
    return np.asarray(cv2.warpAffine(after, matrix, (PLANE_PX, PLANE_PX), **how), np.uint8)


def _normal_displacement(before: UInt8, after: UInt8) -> Float32:
    """(64, 64) float32, pixels."""
    first, second = before.astype(np.float32), after.astype(np.float32)
    change = second - first
    change -= cv2.blur(change, (PLANE_PX // 4 + 1, PLANE_PX // 4 + 1))
    both = first + second
    dx, dy = (cv2.Sobel(both, cv2.CV_32F, *order, ksize=3, scale=1 / 16) for order in ((1, 0), (0, 1)))
    squared = dx * dx + dy * dy
    products = cv2.blur(np.abs(change) * np.sqrt(squared), (5, 5))
    return np.asarray(products / (cv2.blur(squared, (5, 5)) + _NOISE), np.float32)
