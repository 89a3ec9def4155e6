"""The polynomial of a Kannala-Brandt lens.

``theta_d = theta (1 + k1 theta^2 + k2 theta^4 + k3 theta^6 + k4 theta^8)``
"""

import numpy as np

from stream.pipeline.items import Float64

NEGLIGIBLE = 1e-12
"""A lens coefficient below this contributes at most 1e-7 of the derivative at pi."""


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
    k1, k2, k3, k4 = np.where(np.abs(d) < NEGLIGIBLE, 0.0, d)
    roots = np.roots([9 * k4, 7 * k3, 5 * k2, 3 * k1, 1.0])
    real = roots.real[(np.abs(roots.imag) < 1e-9 * np.abs(roots)) & (roots.real > 0.0)]
    return float(min(np.sqrt(real).min(initial=np.inf), np.pi))
