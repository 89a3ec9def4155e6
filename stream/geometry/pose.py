"""Rigid motions between cameras, in OpenCV's axes: x right, y down, z forward, metres."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from stream.errors import UsageError
from stream.pipeline.items import Float64

ROTATION_TOLERANCE: Final = 1e-6
"""Largest entry by which ``R R^T`` of a rotation may differ from the identity: what float32 leaves of one."""
_LAST_ROW: Final = np.array([0.0, 0.0, 0.0, 1.0])


@dataclass(frozen=True, slots=True, eq=False)
class RigidPose:
    """A point's coordinates in one camera, from those in another: ``x_to = rotation @ x_from + translation_m``.

    Raises:
        UsageError: it is no rigid motion.
    """

    rotation: Float64
    """(3, 3), orthogonal, determinant 1."""
    translation_m: Float64
    """(3,)."""

    def __post_init__(self) -> None:
        if self.rotation.shape != (3, 3) or self.translation_m.shape != (3,):
            raise UsageError(
                f"a pose has a rotation of shape {self.rotation.shape} and a translation of shape "
                f"{self.translation_m.shape}, but they must be (3, 3) and (3,)"
            )
        if not (np.isfinite(self.rotation).all() and np.isfinite(self.translation_m).all()):
            raise UsageError("a pose holds numbers that are not finite; give finite ones")
        error = float(np.abs(self.rotation @ self.rotation.T - np.eye(3)).max())
        if error > ROTATION_TOLERANCE:
            raise UsageError(
                f"the rotation of a pose is not orthogonal: R R^T differs from the identity by {error:.2g}, and at "
                f"most {ROTATION_TOLERANCE:g} is a rigid motion; give more digits, and neither scale nor shear"
            )
        determinant = float(np.linalg.det(self.rotation))
        if determinant < 0:
            raise UsageError(
                f"the rotation of a pose has the determinant {determinant:.3g}, a mirror; that of a rigid motion is 1"
            )

    @classmethod
    def identity(cls) -> "RigidPose":
        """No motion."""
        return cls.translation(0.0, 0.0, 0.0)

    @classmethod
    def translation(cls, x_m: float, y_m: float, z_m: float) -> "RigidPose":
        """Points move by this, without a rotation; a camera that moves by it sees its inverse."""
        return cls(np.eye(3), np.array([x_m, y_m, z_m], np.float64))

    @classmethod
    def from_matrix(cls, matrix: npt.ArrayLike) -> "RigidPose":
        """The pose of a homogeneous matrix, (4, 4), whose last row is 0 0 0 1.

        Raises:
            UsageError: it has another shape, or is no rigid motion.
        """
        try:
            values = np.array(matrix, np.float64)
        except (TypeError, ValueError) as error:
            raise UsageError("a pose is not a matrix of numbers; give four rows of four numbers") from error
        if values.shape != (4, 4):
            raise UsageError(f"a pose has the shape {values.shape}, but a homogeneous matrix is (4, 4)")
        if not np.array_equal(values[3], _LAST_ROW):
            raise UsageError(
                f"the last row of a pose is {' '.join(f'{value:g}' for value in values[3])}, but that of a rigid "
                "motion is 0 0 0 1; give the matrix by rows, not by columns"
            )
        return cls(values[:3, :3].copy(), values[:3, 3].copy())

    @property
    def matrix(self) -> Float64:
        """(4, 4), homogeneous."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.rotation
        matrix[:3, 3] = self.translation_m
        return matrix

    @property
    def angle_deg(self) -> float:
        """The angle of the rotation about its axis, from 0 to 180 degrees.

        From the sine and the cosine: the arc cosine alone has no digits left below 1e-6 degrees.
        """
        skew = self.rotation - self.rotation.T
        sine = np.linalg.norm([skew[2, 1], skew[0, 2], skew[1, 0]])
        return float(np.degrees(np.arctan2(sine, np.trace(self.rotation) - 1.0)))

    @property
    def distance_m(self) -> float:
        """The length of the translation, which is the distance between the two cameras."""
        return float(np.linalg.norm(self.translation_m))

    def inverse(self) -> "RigidPose":
        """The motion back."""
        return RigidPose(self.rotation.T.copy(), -self.rotation.T @ self.translation_m)

    def __matmul__(self, first: "RigidPose") -> "RigidPose":
        """``first``, then this one."""
        return RigidPose(self.rotation @ first.rotation, self.rotation @ first.translation_m + self.translation_m)

    def apply(self, points: Float64) -> Float64:
        """(..., 3) points in the camera that is moved to, from (..., 3) in the other."""
        return np.asarray(points @ self.rotation.T + self.translation_m, np.float64)
