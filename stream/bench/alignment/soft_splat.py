"""The baseline that the warp is measured beside: a plain soft splat, as view synthesis by depth commonly has it.

Each source pixel is added to the four target pixels around its image, by bilinear weights and by one that falls with
depth, ``exp(-50 log(1 + z) / log(1 + z_max))`` (Niklaus and Liu, "Softmax Splatting for Video Frame Interpolation",
CVPR 2020, with the weight of the depth warps of TrajectoryCrafter and others). A pixel that got any weight is real.
"""

from typing import Final

import numpy as np

from models.depth.depth import Depth
from stream.alignment.warp.warp import Warped
from stream.geometry.pinhole import PinholeCamera
from stream.geometry.pose import RigidPose
from stream.pipeline.items import Float32, Float64, UInt8

_SHARPNESS: Final = 50.0


class SoftSplat:
    """Warps pictures of one camera into another, in numpy and one thread."""

    def __init__(self, source: PinholeCamera, target: PinholeCamera) -> None:
        """Compute the rays of the source's pixels."""
        self.source, self.target = source, target
        column, row = np.meshgrid(np.arange(source.width_px), np.arange(source.height_px))
        self._pixels = np.stack([column, row, np.ones_like(row)], axis=-1).astype(np.float32)
        self._rays = self._pixels @ np.linalg.inv(source.k).T.astype(np.float32)

    def warp(self, picture: UInt8, depth: Depth, target_from_source: RigidPose) -> Warped:
        """The picture in the target camera; of ``source_xy`` and ``inverse_z``, weighted means."""
        z = depth.z[..., None]
        points = (self._rays * z) @ target_from_source.rotation.T.astype(np.float32)
        points += target_from_source.translation_m.astype(np.float32)
        is_ahead = depth.is_valid & (points[..., 2] > 0.0)
        image = points[is_ahead] @ self.target.k.T.astype(np.float32)
        at = image[:, :2] / image[:, 2:]
        closeness = np.exp(-_SHARPNESS * np.log1p(image[:, 2]) / np.log1p(image[:, 2].max(initial=1.0)))
        values = np.column_stack([picture[is_ahead], self._pixels[is_ahead][:, :2], 1.0 / image[:, 2]])
        sums, weight = self._splat(at, closeness, values)
        is_real = weight > 0.0
        means = np.divide(sums, weight[..., None], out=np.zeros_like(sums), where=is_real[..., None])
        colours = np.round(means[..., :3]).astype(np.uint8)
        return Warped(colours, is_real, means[..., 3:5].astype(np.float32), means[..., 5].astype(np.float32))

    def _splat(self, at: Float32, closeness: Float32, values: Float32) -> tuple[Float64, Float64]:
        """(H', W', C) sums of weighted values, and (H', W') of weights."""
        height, width = self.target.height_px, self.target.width_px
        corner = np.floor(at)
        share = at - corner
        sums, weights = np.zeros((values.shape[1], height * width)), np.zeros(height * width)
        for down in (0, 1):
            for across in (0, 1):
                column, row = corner[:, 0] + across, corner[:, 1] + down
                inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
                bilinear = np.abs(1 - across - share[:, 0]) * np.abs(1 - down - share[:, 1])
                weight = (bilinear * closeness)[inside].astype(np.float64)
                index = (row[inside] * width + column[inside]).astype(np.intp)
                np.add.at(weights, index, weight)
                for channel, total in enumerate(sums):
                    np.add.at(total, index, weight * values[inside, channel])
        return sums.T.reshape(height, width, -1), weights.reshape(height, width)
