"""A Kannala-Brandt camera (OpenCV's "fisheye"), and the pinhole camera that replaces it.

The model: a ray at angle theta from the optical axis meets the picture at the distance
``theta_d = theta (1 + k1 theta^2 + k2 theta^4 + k3 theta^6 + k4 theta^8)`` from the principal point, in focal lengths
(Kannala & Brandt, IEEE PAMI 28(8), 2006; OpenCV, calib3d, "Fisheye camera model"). Pixel centres have whole
coordinates, as everywhere in OpenCV.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from stream.errors import IntrinsicsError, UsageError
from stream.geometry.coverage import lack_of_picture
from stream.geometry.intrinsics import Intrinsics
from stream.geometry.lens_polynomial import distorted_angle, fold_angle
from stream.pipeline.items import Float32, Float64
from stream.video.picture import is_same_aspect

WIDEST_RAD = np.radians(80.0)
"""No pinhole camera is fitted to rays farther out: at 80 degrees it already shrinks the centre to a sixth."""


@dataclass(frozen=True, eq=False)
class Camera:
    """A fisheye camera for pictures of one size, and the pinhole camera that replaces it."""

    width: int
    height: int
    k: Float64
    """(3, 3) camera matrix of the fisheye picture, pixels."""
    d: Float64
    """(4,) k1, k2, k3, k4."""
    new_k: Float64
    """(3, 3) camera matrix of the rectified picture, which has the same size."""

    @property
    def theta_max_rad(self) -> float:
        """The angle up to which the lens model is invertible, radians."""
        return fold_angle(self.d)

    @property
    def fov_deg(self) -> tuple[float, float]:
        """Horizontal and vertical field of view of the rectified picture, between the centres of its outer pixels."""
        focal, centre = np.diag(self.new_k)[:2], self.new_k[:2, 2]
        last = np.array([self.width - 1, self.height - 1])
        across, down = np.degrees(np.arctan(centre / focal) + np.arctan((last - centre) / focal))
        return float(across), float(down)

    def resized(self, width: int, height: int) -> "Camera":
        """The same camera, with the same field of view, for pictures scaled to ``width`` x ``height``."""
        scale_x, scale_y = width / self.width, height / self.height
        scaling = np.array([[scale_x, 0.0, 0.5 * scale_x - 0.5], [0.0, scale_y, 0.5 * scale_y - 0.5], [0.0, 0.0, 1.0]])
        return Camera(width, height, scaling @ self.k, self.d, scaling @ self.new_k)

    def locate(self, pinhole: Float64, width: int, height: int) -> tuple[Float32, Float32, npt.NDArray[np.bool_]]:
        """Find where the pixels of a pinhole picture lie in the fisheye picture.

        Args:
            pinhole: (3, 3) camera matrix of the pinhole picture, with the same optical axis.
            width: its width, pixels.
            height: its height, pixels.

        Returns:
            (height, width) x and y in the fisheye picture, pixels, and whether the lens sees that ray: beyond
            ``theta_max_rad`` the polynomial folds back, and x and y are meaningless.
        """
        x, y = cv2.fisheye.initUndistortRectifyMap(self.k, self.d, np.eye(3), pinhole, (width, height), cv2.CV_32FC1)
        across = (np.arange(width) - pinhole[0, 2]) / pinhole[0, 0]
        down = (np.arange(height) - pinhole[1, 2]) / pinhole[1, 1]
        theta = np.arctan(np.hypot(across[None, :], down[:, None]))
        return np.asarray(x, np.float32), np.asarray(y, np.float32), theta < self.theta_max_rad


def fit_camera(intrinsics: Intrinsics, width: int, height: int, balance: float = 0.0, fov_scale: float = 1.0) -> Camera:
    """Scale a calibration to pictures of ``width`` x ``height`` (upright) and choose the pinhole camera.

    Args:
        intrinsics: the calibration, possibly for another size of the same picture.
        width: width of the clip's upright picture, pixels.
        height: its height, pixels.
        balance: 0 shows only recorded pixels, 1 shows the whole field of view with black borders.
        fov_scale: a value above 1 widens the view.

    Raises:
        IntrinsicsError: the calibration is for another aspect ratio, its rays are degenerate, or the rectified picture
            would be nearly empty or flat.
        UsageError: ``balance`` or ``fov_scale`` is out of range, or makes the picture nearly empty or flat.
    """
    if not 0.0 <= balance <= 1.0:
        raise UsageError(f"balance is {balance}, must be between 0 and 1")
    if not 0.0 < fov_scale < np.inf:
        raise UsageError(f"fov-scale is {fov_scale}, must be above 0")
    k = _scaled_matrix(intrinsics, width, height)
    d = np.array([intrinsics.k1, intrinsics.k2, intrinsics.k3, intrinsics.k4])
    camera = Camera(width, height, k, d, _pinhole_matrix(k, d, (width, height), balance, fov_scale))
    lack = lack_of_picture(camera)
    if lack is None:
        return camera
    if (balance, fov_scale) != (0.0, 1.0):
        fit_camera(intrinsics, width, height)  # raises if the calibration is to blame, and not the options
        raise UsageError(f"--balance {balance:g} with --fov-scale {fov_scale:g}: {lack}")
    raise IntrinsicsError(
        f"the intrinsics do not fit a picture of {width}x{height}: {lack}; check fx, fy, cx, cy and k1 to k4"
    )


def _scaled_matrix(intrinsics: Intrinsics, width: int, height: int) -> Float64:
    scale_x, scale_y = width / intrinsics.image_width, height / intrinsics.image_height
    calibrated = intrinsics.image_width, intrinsics.image_height
    if not is_same_aspect((width, height), calibrated):
        turned = is_same_aspect((height, width), calibrated)
        advice = "; image_width and image_height look exchanged, or the clip is turned" if turned else ""
        raise IntrinsicsError(
            f"the intrinsics are for {intrinsics.image_width}x{intrinsics.image_height}, and the clip's "
            f"{width}x{height} has another aspect ratio{advice}; "
            "give the recording camera's intrinsics, or --no-rectify"
        )
    return np.array(
        [
            [intrinsics.fx * scale_x, 0.0, (intrinsics.cx + 0.5) * scale_x - 0.5],
            [0.0, intrinsics.fy * scale_y, (intrinsics.cy + 0.5) * scale_y - 0.5],
            [0.0, 0.0, 1.0],
        ]
    )


def _pinhole_matrix(k: Float64, d: Float64, size: tuple[int, int], balance: float, fov_scale: float) -> Float64:
    """Choose the new camera as ``cv2.fisheye.estimateNewCameraMatrixForUndistortRectify`` does.

    OpenCV undistorts the midpoints of the four sides. If such a point is beyond the fold it has no ray, and OpenCV
    returns -1e6 (a focal length of 0) or the wrong branch. Here it is clamped to the fold.
    """
    width, height = size
    sides = np.array([[width // 2, 0], [width, height // 2], [width // 2, height], [0, height // 2]], np.float64)
    rays = _undistort((sides - k[:2, 2]) / np.diag(k)[:2], d)
    aspect = k[0, 0] / k[1, 1]
    rays[:, 1] *= aspect
    centre = rays.mean(axis=0)
    half = np.array([width, height * aspect]) / 2
    reach = np.array([centre - rays.min(axis=0), rays.max(axis=0) - centre])
    if not (reach > 0.0).all():
        raise IntrinsicsError("the rays of these intrinsics all point to one side; check fx, fy, cx, cy and k1 to k4")
    candidates = half / reach
    focal = (balance * candidates.min() + (1.0 - balance) * candidates.max()) / fov_scale
    new_centre = half - centre * focal
    return np.array([[focal, 0.0, new_centre[0]], [0.0, focal / aspect, new_centre[1] / aspect], [0.0, 0.0, 1.0]])


def _undistort(points: Float64, d: Float64) -> Float64:
    """Map points (N, 2) from the fisheye plane to the pinhole plane, both in focal lengths; clamped at the fold."""
    theta = np.linspace(0.0, min(fold_angle(d), WIDEST_RAD), 100_001)
    theta_d = distorted_angle(theta, d)
    radius = np.hypot(points[:, 0], points[:, 1])
    return points * (np.tan(np.interp(radius, theta_d, theta)) / np.maximum(radius, 1e-12))[:, None]
