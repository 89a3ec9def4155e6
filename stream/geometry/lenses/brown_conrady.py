"""The lens model of Brown and Conrady, which ROS calls plumb_bob and rational_polynomial, Kalibr radtan.

A ray (x, y) with ``r^2 = x^2 + y^2`` meets the picture, in focal lengths from the principal point, at ``x R + 2 p1 x y
+ p2 (r^2 + 2 x^2)`` and ``y R + p1 (r^2 + 2 y^2) + 2 p2 x y``, where ``R = (1 + k1 r^2 + k2 r^4 + k3 r^6) / (1 + k4 r^2
+ k5 r^4 + k6 r^6)`` (Brown, Photogrammetric Engineering 37(8), 1971; OpenCV, calib3d, "Detailed description").
"""

from functools import cached_property
from typing import ClassVar, Literal

import cv2
import numpy as np
from numpy.polynomial import Polynomial

from stream.geometry.intrinsics import Finite, Intrinsics
from stream.geometry.lenses.kannala_brandt import WIDEST_RAD
from stream.pipeline.items import Float32, Float64

_NEGLIGIBLE = 1e-12
_STEPS = 20
"""Of Newton's method, which doubles the number of right digits with each."""


class BrownConrady(Intrinsics):
    """A camera with radial and tangential distortion."""

    NAMES: ClassVar[tuple[str, ...]] = ("brown_conrady",)
    COEFFICIENTS: ClassVar[tuple[str, ...]] = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")

    model: Literal["brown_conrady"]
    k1: Finite
    k2: Finite
    p1: Finite
    p2: Finite
    k3: Finite = 0.0
    k4: Finite = 0.0
    k5: Finite = 0.0
    k6: Finite = 0.0

    @property
    def d(self) -> Float64:
        return np.array([getattr(self, name) for name in self.COEFFICIENTS])

    @cached_property
    def theta_max_rad(self) -> float:
        """Where the distance in the picture stops growing in some direction, at most 90 degrees.

        Along a ray's direction tangential distortion adds ``3 r^2 (p1 sin + p2 cos)``, in the worst direction ``-3 p
        r^2`` with ``p = hypot(p1, p2)``. With R = N / D, the derivative is zero where ``(N r)' D - N r D' - 6 p r D^2``
        is; at a root of D there is a pole.
        """
        above, below = self._radial
        r = Polynomial([0.0, 1.0])
        tangential = 6.0 * float(np.hypot(self.p1, self.p2))
        slope = (above * r).deriv() * below - above * r * below.deriv() - tangential * r * below**2
        return float(np.arctan(min(_first_root(slope), _first_root(below))))

    @property
    def radius_max(self) -> float:
        if self.theta_max_rad > np.pi / 2 - 1e-9:
            return float("inf")
        above, below = self._radial
        radius = np.tan(self.theta_max_rad)
        return float(radius * above(radius) / below(radius)) if below(radius) > _NEGLIGIBLE else float("inf")

    def project(self, rays: Float64) -> Float64:
        x, y = rays.T
        square = x**2 + y**2
        ratio, _ = self._ratio(np.sqrt(square))
        return np.stack(
            [
                x * ratio + 2 * self.p1 * x * y + self.p2 * (square + 2 * x**2),
                y * ratio + self.p1 * (square + 2 * y**2) + 2 * self.p2 * x * y,
            ],
            axis=-1,
        )

    def unproject(self, points: Float64) -> Float64:
        """Newton's method, from the ray that radial distortion alone would give."""
        radius = np.tan(np.linspace(0.0, min(self.theta_max_rad, WIDEST_RAD), 20_001)[:-1])
        distorted = radius * self._ratio(radius)[0]
        found = np.hypot(points[:, 0], points[:, 1])
        rays = points * (np.interp(found, distorted, radius) / np.maximum(found, 1e-12))[:, None]
        inside = found < distorted[-1]
        for _ in range(_STEPS):
            rays = np.where(inside[:, None], rays + self._newton_step(rays, points), rays)
        lengths = np.hypot(rays[:, 0], rays[:, 1])
        return np.asarray(rays * np.minimum(1.0, radius[-1] / np.maximum(lengths, 1e-12))[:, None], np.float64)

    def locate(self, k: Float64, pinhole: Float64, size: tuple[int, int]) -> tuple[Float32, Float32]:
        x, y = cv2.initUndistortRectifyMap(k, self.d, np.eye(3), pinhole, size, cv2.CV_32FC1)
        return np.asarray(x, np.float32), np.asarray(y, np.float32)

    def opencv_camera(self, k: Float64, size: tuple[int, int], balance: float) -> Float64:
        """Its pixels need not be as square as the camera's: OpenCV fits both axes."""
        return np.asarray(cv2.getOptimalNewCameraMatrix(k, self.d, size, balance)[0], np.float64)

    @property
    def _radial(self) -> tuple[Polynomial, Polynomial]:
        """Numerator and denominator of R, in r."""
        above = Polynomial([1.0, 0.0, self.k1, 0.0, self.k2, 0.0, self.k3])
        return above, Polynomial([1.0, 0.0, self.k4, 0.0, self.k5, 0.0, self.k6])

    def _ratio(self, radius: Float64) -> tuple[Float64, Float64]:
        """R, and its derivative by r divided by r."""
        above, below = self._radial
        n, m = above(radius), below(radius)
        safe = np.maximum(radius, 1e-12)
        return n / m, (above.deriv()(radius) * m - n * below.deriv()(radius)) / m**2 / safe

    def _newton_step(self, rays: Float64, points: Float64) -> Float64:
        """(N, 2) by which rays move towards those of the points; 0 where the projection has no inverse."""
        x, y = rays.T
        ratio, slope = self._ratio(np.hypot(x, y))
        across = ratio + x**2 * slope + 2 * self.p1 * y + 6 * self.p2 * x
        down = ratio + y**2 * slope + 6 * self.p1 * y + 2 * self.p2 * x
        mixed = x * y * slope + 2 * self.p1 * x + 2 * self.p2 * y
        determinant = across * down - mixed**2
        error = points - self.project(rays)
        step = np.stack([down * error[:, 0] - mixed * error[:, 1], across * error[:, 1] - mixed * error[:, 0]], axis=-1)
        usable = determinant > _NEGLIGIBLE
        return np.where(usable[:, None], step / np.where(usable, determinant, 1.0)[:, None], 0.0)


def _first_root(polynomial: Polynomial) -> float:
    """The smallest positive real root; infinite if there is none."""
    coefficients = np.where(np.abs(polynomial.coef) < _NEGLIGIBLE, 0.0, polynomial.coef)
    roots = Polynomial(coefficients).trim().roots()
    real = roots.real[(np.abs(roots.imag) < 1e-7 * np.abs(roots)) & (roots.real > 0.0)]
    return float(real.min(initial=np.inf))
