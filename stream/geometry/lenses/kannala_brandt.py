"""The lens model of Kannala and Brandt, which OpenCV calls fisheye and ROS and Kalibr equidistant.

A ray at the angle theta from the axis meets the picture at the distance ``theta_d = theta (1 + k1 theta^2 + k2 theta^4
+ k3 theta^6 + k4 theta^8)`` from the principal point, in focal lengths (Kannala & Brandt, IEEE PAMI 28(8), 2006;
OpenCV, calib3d, "Fisheye camera model").
"""

from typing import ClassVar, Literal

import cv2
import numpy as np

from stream.geometry.intrinsics import Finite, Intrinsics
from stream.pipeline.items import Float32, Float64

WIDEST_RAD = np.radians(80.0)
"""No pinhole camera is fitted to rays farther out: at 80 degrees it already shrinks the centre to a sixth."""
_NEGLIGIBLE = 1e-12
"""A lens coefficient below this contributes at most 1e-7 of the derivative at pi."""


class KannalaBrandt(Intrinsics):
    """A fisheye camera."""

    NAMES: ClassVar[tuple[str, ...]] = ("fisheye", "kannala_brandt")
    COEFFICIENTS: ClassVar[tuple[str, ...]] = ("k1", "k2", "k3", "k4")

    model: Literal["fisheye"]
    k1: Finite
    k2: Finite
    k3: Finite
    k4: Finite

    @property
    def d(self) -> Float64:
        return np.array([self.k1, self.k2, self.k3, self.k4])

    @property
    def theta_max_rad(self) -> float:
        return fold_angle(self.d)

    @property
    def radius_max(self) -> float:
        return float(distorted_angle(np.array([self.theta_max_rad]), self.d)[0])

    def project(self, rays: Float64) -> Float64:
        radius = np.hypot(rays[:, 0], rays[:, 1])
        return np.asarray(
            rays * (distorted_angle(np.arctan(radius), self.d) / np.maximum(radius, 1e-12))[:, None], np.float64
        )

    def unproject(self, points: Float64) -> Float64:
        """The rays of points; those that are farther out than ``WIDEST_RAD`` are clamped to it, too."""
        theta = np.linspace(0.0, min(self.theta_max_rad, WIDEST_RAD), 100_001)
        radius = np.hypot(points[:, 0], points[:, 1])
        angle = np.interp(radius, distorted_angle(theta, self.d), theta)
        return np.asarray(points * (np.tan(angle) / np.maximum(radius, 1e-12))[:, None], np.float64)

    def locate(self, k: Float64, pinhole: Float64, size: tuple[int, int]) -> tuple[Float32, Float32]:
        x, y = cv2.fisheye.initUndistortRectifyMap(k, self.d, np.eye(3), pinhole, size, cv2.CV_32FC1)
        return np.asarray(x, np.float32), np.asarray(y, np.float32)

    def side_rays(self, k: Float64, size: tuple[int, int]) -> Float64:
        """The rays of the sides' midpoints, y by the aspect of the pixels: as OpenCV takes them for its estimate."""
        width, height = size
        points = np.array([[width // 2, 0], [width, height // 2], [width // 2, height], [0, height // 2]], np.float64)
        rays = self.unproject((points - k[:2, 2]) / np.diag(k)[:2])
        return np.asarray(rays * [1.0, k[0, 0] / k[1, 1]], np.float64).reshape(4, 1, 2)

    def opencv_camera(self, k: Float64, size: tuple[int, int], balance: float) -> Float64:
        """OpenCV takes points beyond 90 degrees in the picture's plane for 90 degrees."""
        found = cv2.fisheye.estimateNewCameraMatrixForUndistortRectify(k, self.d, size, np.eye(3), balance=balance)
        return np.asarray(found, np.float64)


def distorted_angle(theta: Float64, d: Float64) -> Float64:
    """Distance from the principal point, in focal lengths, at which a ray meets the picture.

    Args:
        theta: (N,) angles from the optical axis, radians.
        d: (4,) k1, k2, k3, k4.
    """
    return np.asarray(theta * np.polynomial.polynomial.polyval(theta**2, [1.0, *d]), np.float64)


def fold_angle(d: Float64) -> float:
    """The angle, radians, at which ``theta_d`` stops growing; pi for a lens that never folds.

    It is the first root of the derivative ``1 + 3 k1 s + 5 k2 s^2 + 7 k3 s^3 + 9 k4 s^4`` with ``s = theta^2``.
    Coefficients with no effect below pi would only disturb the root finder, so they count as zero.
    """
    k1, k2, k3, k4 = np.where(np.abs(d) < _NEGLIGIBLE, 0.0, d)
    roots = np.roots([9 * k4, 7 * k3, 5 * k2, 3 * k1, 1.0])
    real = roots.real[(np.abs(roots.imag) < 1e-9 * np.abs(roots)) & (roots.real > 0.0)]
    return float(min(np.sqrt(real).min(initial=np.inf), np.pi))
