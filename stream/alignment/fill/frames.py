"""The frames of an episode on their way through the fill."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from models.depth.depth import Depth
from stream.alignment.warp.warp import Warped
from stream.geometry.pose import RigidPose
from stream.pipeline.items import UInt8


class Origin(IntEnum):
    """Where a pixel of an aligned picture comes from."""

    REAL = 0
    """The same frame of the source."""
    BORROWED = 1
    """Another frame of the source."""
    GENERATED = 2
    """No frame: an inpainter painted it."""


@dataclass(frozen=True, slots=True, eq=False)
class WarpedFrame:
    """A frame of the source and its warp into the target camera."""

    index: int
    """Of the frame in its episode."""
    picture: UInt8
    """(H, W, 3) BGR, as the source camera took it."""
    depth: Depth
    """Of ``picture``."""
    warped: Warped
    is_excluded: npt.NDArray[np.bool_] | None = None
    """(H, W) pixels of ``picture`` that no other frame may borrow: hands, moving objects. None: no pixel."""
    world_from_source: RigidPose | None = None
    """Pose of the source camera, of one world in the whole episode, in the unit of ``depth``. None: not known."""


@dataclass(frozen=True, slots=True, eq=False)
class FilledFrame:
    """A picture of the target camera without holes."""

    index: int
    picture: UInt8
    """(H, W, 3) BGR; the bytes of the warp's picture where ``origin`` is ``Origin.REAL``."""
    origin: UInt8
    """(H, W), values of ``Origin``."""
    borrowed_from: tuple[int, ...]
    """Indices of the frames that pixels were borrowed from, in the order in which they were asked."""

    def share(self, origin: Origin) -> float:
        """Share of the pixels that are of this origin, 0 to 1."""
        return float(np.count_nonzero(self.origin == origin) / self.origin.size)
