"""From what depth models and sensors give to ``Depth``: metres or relative, and where it is valid."""

from typing import Final

import numpy as np
import numpy.typing as npt

from models.depth.depth import Depth, DepthUnit

_MILLIMETRES: Final = 1000.0
_NEAREST_SHARE: Final = 1e-3
"""Relative inverse depth below this share of the picture's largest is taken as infinitely far."""


def depth_of(
    z: npt.NDArray[np.floating],
    unit: DepthUnit,
    is_valid: npt.NDArray[np.bool_] | None = None,
    confidence: npt.NDArray[np.float32] | None = None,
) -> Depth:
    """Depth from values along the optical axis; NaN, infinity, 0 and less are not valid.

    Args:
        z: (H, W), in ``unit``.
        unit: Of ``z``.
        is_valid: (H, W); None if the source does not say.
        confidence: (H, W) from 0 to 1.
    """
    values = np.asarray(z, np.float32)
    is_known = np.isfinite(values) & (values > 0)
    if is_valid is not None:
        is_known &= is_valid
    return Depth(np.where(is_known, values, np.float32(0)), is_known, unit, confidence)


def stored_depth(values: npt.NDArray[np.generic]) -> Depth:
    """Depth from a data set: floats are metres, unsigned integers of 16 bits millimetres.

    Args:
        values: (H, W).

    Raises:
        ValueError: it has another type or shape.
    """
    if values.ndim != 2:
        raise ValueError(f"a picture's depth has the shape {values.shape}, expected (height, width)")
    if values.dtype == np.uint16:
        return depth_of(values.astype(np.float32) / np.float32(_MILLIMETRES), "metre")
    if np.issubdtype(values.dtype, np.floating):
        with np.errstate(over="ignore"):  # float64 beyond float32 becomes infinite, which is not valid
            return depth_of(values.astype(np.float32), "metre")
    raise ValueError(
        f"depth of type {values.dtype} has no known unit, expected floats (metres) or uint16 (millimetres)"
    )


def from_relative_inverse(inverse: npt.NDArray[np.floating]) -> Depth:
    """Relative depth from relative inverse depth, as MiDaS, DPT and Depth Anything's relative models give it.

    These models know inverse depth up to a scale and a shift. The shift is taken as 0: the model's own zero is
    infinitely far. Where that is wrong, the scene is stretched along the optical axis, and no scale makes it metric.

    Args:
        inverse: (H, W), larger is nearer.
    """
    values = np.asarray(inverse, np.float32)
    is_finite = np.isfinite(values)
    largest = float(values[is_finite].max(initial=0.0))
    is_near = is_finite & (values > _NEAREST_SHARE * largest)
    z = np.divide(np.float32(1), values, out=np.zeros_like(values), where=is_near)
    return depth_of(z, "relative")


def from_canonical_inverse(canonical: npt.NDArray[np.floating], focal_px: float, width_px: int) -> Depth:
    """Metres from Depth Pro's canonical inverse depth C: ``z = focal / (width * C)`` (arXiv:2410.02073, section 3.3).

    Args:
        canonical: (H, W).
        focal_px: Focal length of a picture of ``width_px``.
        width_px: Width that the focal length belongs to.
    """
    values = np.asarray(canonical, np.float32).clip(1e-4, 1e4)  # the limits of the published post-processing
    return depth_of(np.float32(focal_px / width_px) / values, "metre")


def from_canonical(canonical: npt.NDArray[np.floating], focal_px: float, canonical_focal_px: float) -> Depth:
    """Metres from the depth that a camera of a canonical focal length would have: ``z = canonical * focal / focal_c``.

    Depth Anything 3's metric model has a canonical focal length of 300 px.

    Args:
        canonical: (H, W).
        focal_px: Of the picture in the size in which the network saw it.
        canonical_focal_px: Of the canonical camera.
    """
    return depth_of(np.asarray(canonical, np.float32) * np.float32(focal_px / canonical_focal_px), "metre")


def from_points(
    points: npt.NDArray[np.floating], rays: npt.NDArray[np.floating], is_valid: npt.NDArray[np.bool_], scale: float
) -> Depth:
    """Metres from a point map that lacks its shift along the optical axis, as MoGe gives it (arXiv:2507.02546).

    The shift s is the one with which the points project to their pixels: it minimises the squared distance of
    ``(x, y) / (z + s)`` from the rays, by Gauss-Newton steps from the solution of the linear problem.

    Args:
        points: (H, W, 3).
        rays: (H, W, 2) ``(u - cx) / fx`` and ``(v - cy) / fy`` of each pixel.
        is_valid: (H, W), as the model's mask says.
        scale: Metres in a unit of the points.
    """
    is_known = is_valid & np.isfinite(points).all(axis=-1)
    sideways, along = points[is_known][:, :2].astype(np.float64), points[is_known][:, 2:].astype(np.float64)
    directions = rays[is_known].astype(np.float64)
    squares = float((directions**2).sum())
    if not squares:
        return depth_of(np.zeros(is_valid.shape, np.float32), "metre")
    shift = float((directions * (sideways - directions * along)).sum()) / squares
    for _ in range(10):
        distance = np.maximum(along + shift, 1e-6)
        residual, slope = sideways / distance - directions, -sideways / distance**2
        shift -= float((residual * slope).sum()) / max(float((slope**2).sum()), 1e-12)
    return depth_of((points[..., 2] + np.float32(shift)) * np.float32(scale), "metre", is_known)
