"""Rigid motions between cameras, in OpenCV's axes: x right, y down, z forward, metres."""

from dataclasses import dataclass

from stream.pipeline.items import Float64


@dataclass(frozen=True, slots=True, eq=False)
class RigidPose:
    """A point's coordinates in one camera, from those in another: ``x_to = rotation @ x_from + translation_m``."""

    rotation: Float64
    """(3, 3), orthogonal, determinant 1."""
    translation_m: Float64
    """(3,)."""
