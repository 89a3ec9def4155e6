"""The result of a warp, and its protocol."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from models.depth.depth import Depth
from stream.geometry.pinhole import PinholeCamera
from stream.geometry.pose import RigidPose
from stream.pipeline.items import Float32, UInt8


@dataclass(frozen=True, slots=True, eq=False)
class Warped:
    """A picture of height H and width W as the target camera would have seen it."""

    picture: UInt8
    """(H, W, 3) in the channel order of the source; 0 in holes."""
    is_real: npt.NDArray[np.bool_]
    """(H, W); False in holes: what the source did not see, or has no valid depth for."""
    source_xy: Float32
    """(H, W, 2) where in the source picture each pixel comes from, pixels; of no meaning in holes."""
    inverse_z: Float32
    """(H, W) one over the depth in the target camera, in the depth's unit; 0 in holes."""


class Warp(Protocol):
    """Warps pictures of one camera into another; made for two cameras, it reuses its buffers from call to call."""

    source: PinholeCamera
    target: PinholeCamera

    def warp(self, picture: UInt8, depth: Depth, target_from_source: RigidPose) -> Warped:
        """The picture in the target camera, by the depth of the source picture."""
