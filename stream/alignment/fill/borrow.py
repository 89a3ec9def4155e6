"""Pixels for the holes of a frame from another frame of the episode.

A pixel is borrowed where three things are true. Where both frames show the same surface, their pictures agree, so the
motion between them is right. Around the pixel they agree as well, so nothing moved there. And the pixel is behind what
the frame itself sees, or outside its view: anything in front of it would have been seen.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from models.depth.depth import Depth
from stream.alignment.camera_motion import sample
from stream.alignment.fill.frames import WarpedFrame
from stream.alignment.warp.warp import Warp, Warped
from stream.geometry.pose import RigidPose
from stream.pipeline.items import Float32, UInt8

_DEPTH_TOLERANCE: Final = 0.05
"""Share of the depth by which two frames may disagree on one surface."""
_COLOR_TOLERANCE: Final = 24
"""Difference of grey values at which two frames disagree on one surface."""
_DISAGREEMENT_MAX: Final = 0.25
"""Share of pixels that may disagree: in the whole overlap, and around a pixel."""
_STEP_PX: Final = 4
"""The pictures are compared at every fourth pixel across and down."""
_AROUND_STEPS: Final = 9
_OVERLAP_LEAST: Final = 100
"""Compared pixels without which nothing is known about the motion."""


@dataclass(frozen=True, slots=True, eq=False)
class Borrowed:
    """What one frame lends to the holes of another."""

    picture: UInt8
    """(H, W, 3) in the target camera."""
    is_lent: npt.NDArray[np.bool_]
    """(H, W)."""
    inverse_z: Float32
    """(H, W) one over the depth in the target camera."""


def borrow(
    borrower: WarpedFrame,
    is_hole: npt.NDArray[np.bool_],
    lender: WarpedFrame,
    borrower_from_lender: RigidPose,
    target_from_source: RigidPose,
    warp: Warp,
) -> Borrowed | None:
    """What a frame can lend to the holes of another one.

    Args:
        borrower: The frame with the holes.
        is_hole: (H, W) its holes in the target camera that are still open.
        lender: The other frame.
        borrower_from_lender: Motion of the source camera.
        target_from_source: Pose of the target camera.
        warp: From the source camera to the target camera.

    Returns:
        None if nothing is known to be right.
    """
    depth = lender.depth
    if lender.is_excluded is not None:
        depth = Depth(depth.z, depth.is_valid & ~lender.is_excluded, depth.unit, depth.confidence)
    view = warp.warp(lender.picture, depth, target_from_source @ borrower_from_lender)
    is_candidate = is_hole & view.is_real
    if not is_candidate.any():
        return None
    agreement = _agreement(borrower.warped, view)
    if agreement is None:
        return None
    is_lent = is_candidate & agreement
    rows, columns = np.nonzero(is_lent)
    is_lent[rows, columns] = ~_is_in_free_space(
        borrower, warp, target_from_source, np.column_stack([columns, rows]).astype(np.float32), view.inverse_z[is_lent]
    )
    return Borrowed(view.picture, is_lent, view.inverse_z) if is_lent.any() else None


def _agreement(own: Warped, other: Warped) -> npt.NDArray[np.bool_] | None:
    """(H, W) whether nothing moved around a pixel; None if the views do not fit each other as a whole."""
    grid = np.s_[::_STEP_PX, ::_STEP_PX]
    own_q, other_q = own.inverse_z[grid], other.inverse_z[grid]
    is_both = own.is_real[grid] & other.is_real[grid]
    if np.count_nonzero(is_both) < _OVERLAP_LEAST:
        return None
    is_same_depth = np.abs(own_q - other_q) <= _DEPTH_TOLERANCE * np.maximum(own_q, other_q)
    own_grey, other_grey = (_blurred(view)[grid].astype(np.int16) for view in (own, other))
    is_same_color = np.abs(own_grey - other_grey) <= _COLOR_TOLERANCE
    is_compared = is_both & is_same_depth
    is_different = is_both & is_same_depth & ~is_same_color
    if np.count_nonzero(is_different) > _DISAGREEMENT_MAX * np.count_nonzero(is_compared):
        return None
    size = (_AROUND_STEPS, _AROUND_STEPS)
    different, compared = (
        cv2.boxFilter(mask.astype(np.float32), -1, size, normalize=False) for mask in (is_different, is_compared)
    )
    is_fine = (different <= _DISAGREEMENT_MAX * compared).astype(np.uint8)
    height, width = own.is_real.shape
    return np.asarray(cv2.resize(is_fine, (width, height), interpolation=cv2.INTER_NEAREST) > 0, np.bool_)


def _blurred(view: Warped) -> UInt8:
    """Grey values, smoothed so that half a pixel of error in the motion makes little difference."""
    return np.asarray(cv2.blur(cv2.cvtColor(view.picture, cv2.COLOR_BGR2GRAY), (5, 5)), np.uint8)


def _is_in_free_space(
    borrower: WarpedFrame, warp: Warp, target_from_source: RigidPose, xy: Float32, inverse_z: Float32
) -> npt.NDArray[np.bool_]:
    """(N,) whether the borrower's own camera saw something behind the points, so that they cannot be there.

    Args:
        borrower: The frame with the holes.
        warp: Of whose cameras the positions are.
        target_from_source: Pose of the target camera.
        xy: (N, 2) pixels of the target camera.
        inverse_z: (N,) one over their depth there.
    """
    rays = np.column_stack([xy, np.ones(len(xy))]) @ np.linalg.inv(warp.target.k).T
    points = target_from_source.inverse().apply(rays / inverse_z[:, None].astype(np.float64))
    z = points[:, 2]
    projected = points @ warp.source.k.T
    with np.errstate(divide="ignore", invalid="ignore"):
        source_xy = projected[:, :2] / projected[:, 2:]
    is_inside = (z > 0) & (source_xy >= -0.5).all(axis=1)
    is_inside &= (source_xy < [warp.source.width_px - 0.5, warp.source.height_px - 0.5]).all(axis=1)
    source_xy = np.where(is_inside[:, None], source_xy, 0)
    own_z, is_known = sample(borrower.depth.z, source_xy), sample(borrower.depth.is_valid, source_xy)
    return np.asarray(is_inside & is_known & (z < own_z * (1 - _DEPTH_TOLERANCE)), np.bool_)
