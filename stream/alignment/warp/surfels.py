"""The warp by planar patches: the nearest surface in front, one resampling, and holes where nothing was seen."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from models.depth.depth import Depth
from models.packages import require_packages
from stream.alignment.warp.warp import Warped
from stream.errors import UsageError
from stream.geometry.pinhole import PinholeCamera
from stream.geometry.pose import RigidPose
from stream.pipeline.items import Float32, UInt8

Interpolation: TypeAlias = Literal["linear", "cubic"]

STRETCH_MAX: Final = 3.0
"""Growth of a patch's area that is still shown, beside what focal lengths and distance make of it: the source saw a
surface that grows more nearly along itself, too coarsely to be called real."""
_INTERPOLATIONS: Final[Mapping[Interpolation, int]] = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}


class SurfelWarp:
    """Warps pictures of one camera into another; see ``patches`` for the method.

    It runs in one thread, and the same input gives the same bytes.
    """

    def __init__(
        self,
        source: PinholeCamera,
        target: PinholeCamera,
        *,
        snaps_edges: bool | None = None,
        interpolation: Interpolation = "linear",
    ) -> None:
        """Allocate the buffers.

        Args:
            source: of the pictures and their depth.
            target: of the warped pictures.
            snaps_edges: whether ramps of depth become steps; None where a frame's depth is smeared.
            interpolation: of colours. ``cubic`` is sharper, and takes three times as long for it; its ringing and the
                noise that it keeps cost more than that gains where depth and poses are not exact.

        Raises:
            ModelUnavailableError: numba is not installed.
        """
        require_packages(("numba",), extra="align")
        self.source, self.target = source, target
        self._snaps_edges, self._interpolation = snaps_edges, _INTERPOLATIONS[interpolation]
        shape = target.height_px, target.width_px
        self._drawn = np.zeros(shape, np.float32), np.zeros((*shape, 2), np.float32)
        self._padded_w = np.zeros((source.height_px + 2, source.width_px + 2), np.float32)

    def warp(self, picture: UInt8, depth: Depth, target_from_source: RigidPose) -> Warped:
        """The picture in the target camera, by the depth of the source picture.

        Args:
            picture: (H, W, 3) of the source camera's size.
            depth: of the same size, in the unit of the pose's translation.
            target_from_source: the coordinates of points in the target camera, from those in the source camera.

        Raises:
            UsageError: picture or depth have another size than the camera.
        """
        self._require_size(picture, "picture")
        self._require_size(depth.z, "depth")
        self._padded_w[1:-1, 1:-1] = self._inverse(depth)
        _extend_border(self._padded_w)
        nearest_q, source_xy = self._draw(target_from_source)
        is_real = nearest_q > 0.0
        sampled = self._sampled(picture, source_xy)
        shown = np.asarray(cv2.copyTo(sampled, is_real.view(np.uint8)), np.uint8)
        return Warped(shown, is_real, source_xy, nearest_q)

    def _draw(self, target_from_source: RigidPose) -> tuple[Float32, Float32]:
        """(H', W') inverse depth in the target, and (H', W', 2) where in the source it is seen."""
        from stream.alignment.warp.cracks import close_cracks
        from stream.alignment.warp.patches import draw_patches

        m, b, stretch_max = plane_motion(self.source, self.target, target_from_source)
        nearest_q, source_xy = self._drawn
        nearest_q.fill(0.0)
        source_xy.fill(0.0)
        draw_patches(self._padded_w, m, b, stretch_max, nearest_q, source_xy)
        closed_q, closed_xy = nearest_q.copy(), source_xy.copy()
        close_cracks(nearest_q, source_xy, self._padded_w[1:-1, 1:-1], closed_q, closed_xy)
        return closed_q, closed_xy

    def _sampled(self, picture: UInt8, source_xy: Float32) -> UInt8:
        """(H', W', 3) colours of the picture; an empty second map instead of None is misread by OpenCV 5."""
        border = cv2.BORDER_REPLICATE
        sampled = cv2.remap(picture, source_xy, None, self._interpolation, borderMode=border)  # type: ignore[call-overload]
        return np.asarray(sampled, np.uint8)

    def _inverse(self, depth: Depth) -> Float32:
        """(H, W) inverse depth, with snapped edges; 0 where it is not valid."""
        from stream.alignment.warp.edge_snap import is_smeared, snap_edges

        w = np.zeros(depth.z.shape, np.float32)
        np.divide(np.float32(1.0), depth.z, out=w, where=depth.is_valid)
        snaps_edges = is_smeared(w) if self._snaps_edges is None else self._snaps_edges
        return snap_edges(w) if snaps_edges else w

    def _require_size(self, values: npt.NDArray[np.generic], what: str) -> None:
        height, width = values.shape[:2]
        if (width, height) != (self.source.width_px, self.source.height_px):
            raise UsageError(
                f"a {what} is {width}x{height} pixels, but the camera that it is warped from has "
                f"{self.source.width_px}x{self.source.height_px}: give both in one size"
            )


def plane_motion(
    source: PinholeCamera, target: PinholeCamera, target_from_source: RigidPose
) -> tuple[Float32, Float32, np.float32]:
    """``M`` (3, 3) and ``b`` (3,) of ``patches``, and the largest growth of a patch's area."""
    m = target.k @ target_from_source.rotation @ np.linalg.inv(source.k)
    b = target.k @ target_from_source.translation_m
    zoom = np.linalg.det(target.k) / np.linalg.det(source.k)
    return m.astype(np.float32), b.astype(np.float32), np.float32(STRETCH_MAX * zoom)


def _extend_border(padded_w: Float32) -> None:
    """Fill the border so that surfaces go on, with the slope at the picture's edge; 0 where there is none."""
    for w in (padded_w, padded_w[::-1], padded_w.T, padded_w.T[::-1]):
        w[0] = np.where((w[1] > 0.0) & (w[2] > 0.0), 2.0 * w[1] - w[2], 0.0)
