"""One scale for the depth of all frames of an episode.

A depth model judges each picture anew, so the scale of its depth pumps from frame to frame. Points that did not move by
themselves show by how much: their depth in the next frame follows from the camera's motion. The change is undone, so
that all frames keep the scale of the first one. Errors of these ratios would add up without a bound. The scale is
therefore drawn to what the model says itself, so slowly that it cannot be seen.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from models.depth.depth import Depth
from stream.alignment.camera_motion import estimate_motion, is_smooth, sample
from stream.geometry.pinhole import PinholeCamera
from stream.pipeline.items import UInt8

RETURN_FRAMES: Final = 300
"""Number of frames in which the scale returns to the model's own by the factor e."""
_POINTS_LEAST: Final = 30


class DepthScale:
    """Scales the depth of successive frames; causal, and bounded in memory by one frame."""

    def __init__(self, camera: PinholeCamera, scale: float = 1.0) -> None:
        """``scale`` is that of the first frame: another one than 1 continues where an earlier object had come to."""
        self._camera = camera
        self._previous: tuple[UInt8, Depth, npt.NDArray[np.bool_] | None] | None = None
        self.scale = scale
        """By which the last frame's depth was multiplied."""

    def scaled(self, picture: UInt8, depth: Depth, is_excluded: npt.NDArray[np.bool_] | None = None) -> Depth:
        """The depth of the next frame in the scale of the frames before.

        Where the camera's motion cannot be estimated, the scale stays as it was.

        Args:
            picture: (H, W, 3) BGR.
            depth: As the model estimated it.
            is_excluded: (H, W) pixels that may move by themselves.
        """
        if self._previous is not None:
            ratio = _ratio(self._camera, *self._previous, picture, depth)
            if ratio is not None:
                self.scale = float(np.exp(np.log(ratio) * (1 - 1 / RETURN_FRAMES)))
        scaled = Depth(depth.z * np.float32(self.scale), depth.is_valid, depth.unit, depth.confidence)
        self._previous = picture, scaled, is_excluded
        return scaled


def _ratio(
    camera: PinholeCamera,
    first: UInt8,
    first_depth: Depth,
    is_excluded: npt.NDArray[np.bool_] | None,
    second: UInt8,
    second_depth: Depth,
) -> float | None:
    """The factor that gives the second frame's depth the scale of the first's: the median over tracked points."""
    motion = estimate_motion(camera, first, first_depth, second, is_excluded)
    if motion is None:
        return None
    expected = motion.second_from_first.apply(motion.first_points)[:, 2]
    found = sample(np.where(second_depth.is_valid & is_smooth(second_depth), second_depth.z, 0), motion.second_xy)
    is_known = (found > 0) & (expected > 0)
    if np.count_nonzero(is_known) < _POINTS_LEAST:
        return None
    return float(np.median(expected[is_known] / found[is_known]))
