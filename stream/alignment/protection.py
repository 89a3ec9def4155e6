"""How much of a protected region, such as the object in the hand, a warp loses."""

import numpy as np
import numpy.typing as npt

from models.depth.depth import Depth
from stream.alignment.items import ProtectedPixels
from stream.alignment.warp.warp import Warped
from stream.geometry.pinhole import PinholeCamera
from stream.geometry.pose import RigidPose


def protected_pixels(
    is_protected: npt.NDArray[np.bool_],
    depth: Depth,
    warped: Warped,
    cameras: tuple[PinholeCamera, PinholeCamera],
    target_from_source: RigidPose,
) -> ProtectedPixels:
    """Project each protected pixel of the source by its own depth, and count those that meet a hole.

    A pixel that leaves the target's view, or that something nearer hides, is not lost. One without valid depth is.

    Args:
        is_protected: (H, W) of the source.
        depth: Of the source.
        warped: The target's picture.
        cameras: Source and target.
        target_from_source: The pose.
    """
    source, target = cameras
    has_depth = is_protected & depth.is_valid
    without = int(np.count_nonzero(is_protected & ~depth.is_valid))
    y, x = np.nonzero(has_depth)
    z = depth.z[has_depth].astype(np.float64)
    rays = np.linalg.inv(source.k) @ np.stack([x, y, np.ones_like(x)]).astype(np.float64)
    points = target_from_source.rotation @ (rays * z) + target_from_source.translation_m[:, None]
    ahead = points[2] > 0
    projected = target.k @ points[:, ahead]
    column, row = np.rint(projected[:2] / projected[2]).astype(np.int64)
    in_view = (column >= 0) & (column < target.width_px) & (row >= 0) & (row < target.height_px)
    lost = np.count_nonzero(~warped.is_real[row[in_view], column[in_view]])
    return ProtectedPixels(int(np.count_nonzero(in_view)) + without, int(lost) + without)
