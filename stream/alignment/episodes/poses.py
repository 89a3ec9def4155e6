"""Poses as data sets hold them: 4x4 matrices, often of float32, and none where a tracker was lost."""

from typing import Final

import numpy as np

from stream.geometry.pose import RigidPose
from stream.pipeline.items import Float64

_ROUNDING: Final = 1e-3
"""Largest difference of an entry from the nearest rotation's; beyond it the matrix is something else."""


def pose_of(matrix: Float64) -> RigidPose | None:
    """The rigid motion nearest to a (4, 4) matrix; None if it is not close to one."""
    rotation = matrix[:3, :3]
    if not np.isfinite(matrix).all() or np.abs(matrix[3] - (0.0, 0.0, 0.0, 1.0)).max() > _ROUNDING:
        return None
    left, _, right = np.linalg.svd(rotation)
    nearest = left @ right
    if np.linalg.det(nearest) < 0 or np.abs(nearest - rotation).max() > _ROUNDING:
        return None
    return RigidPose(nearest, matrix[:3, 3].copy())
