"""A camera with any lens, and the pinhole camera that replaces it.

Pixel centres have whole coordinates, as everywhere in OpenCV.
"""

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from stream.errors import IntrinsicsError, UsageError
from stream.geometry.coverage import lack_of_picture
from stream.geometry.intrinsics import Intrinsics
from stream.pipeline.items import Float32, Float64
from stream.video.picture import is_same_aspect

NewCamera: TypeAlias = Literal["exact", "opencv"]
"""Who chooses the pinhole camera: the lens's exact rays, or OpenCV's estimate."""


@dataclass(frozen=True, slots=True)
class RectifiedView:
    """What of the lens's view the rectified picture shows; the fields are arguments of ``fit_camera``."""

    balance: float = 0.0
    fov_scale: float = 1.0
    new_camera: NewCamera | None = None

    def camera(self, intrinsics: Intrinsics, width: int, height: int) -> "Camera":
        """The camera for pictures of this size, as ``fit_camera`` fits it."""
        return fit_camera(intrinsics, width, height, self.balance, self.fov_scale, self.new_camera)

    def facts(self) -> dict[str, float | str]:
        """For the record."""
        return {"balance": self.balance, "fov_scale": self.fov_scale, "new_camera": self.new_camera or "exact"}


@dataclass(frozen=True, eq=False)
class Camera:
    """A camera for pictures of one size, and the pinhole camera that replaces it."""

    width: int
    height: int
    k: Float64
    """(3, 3) camera matrix of the recorded picture, pixels."""
    lens: Intrinsics
    """The lens model and its coefficients; its pixels are those of the calibration."""
    new_k: Float64
    """(3, 3) camera matrix of the rectified picture, which has the same size."""

    @property
    def d(self) -> Float64:
        """(n,) lens coefficients, in OpenCV's order."""
        return self.lens.d

    @property
    def theta_max_rad(self) -> float:
        """The angle up to which the lens model is invertible, radians."""
        return self.lens.theta_max_rad

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
        return replace(self, width=width, height=height, k=scaling @ self.k, new_k=scaling @ self.new_k)

    def locate(self, pinhole: Float64, width: int, height: int) -> tuple[Float32, Float32, npt.NDArray[np.bool_]]:
        """Find where the pixels of a pinhole picture lie in the recorded picture.

        Args:
            pinhole: (3, 3) camera matrix of the pinhole picture, with the same optical axis.
            width: its width, pixels.
            height: its height, pixels.

        Returns:
            (height, width) x and y in the recorded picture, pixels, and whether the lens sees that ray: beyond
            ``theta_max_rad`` the lens model folds back, and x and y are meaningless.
        """
        x, y = self.lens.locate(self.k, pinhole, (width, height))
        across = (np.arange(width) - pinhole[0, 2]) / pinhole[0, 0]
        down = (np.arange(height) - pinhole[1, 2]) / pinhole[1, 1]
        theta = np.arctan(np.hypot(across[None, :], down[:, None]))
        return x, y, theta < self.theta_max_rad


def fit_camera(
    intrinsics: Intrinsics,
    width: int,
    height: int,
    balance: float = 0.0,
    fov_scale: float = 1.0,
    new_camera: NewCamera | None = None,
) -> Camera:
    """Scale a calibration to pictures of ``width`` x ``height`` (upright) and choose the pinhole camera.

    Args:
        intrinsics: the calibration, possibly for another size of the same picture.
        width: width of the clip's upright picture, pixels.
        height: its height, pixels.
        balance: 0 shows only recorded pixels, 1 shows the whole field of view with black borders.
        fov_scale: a value above 1 widens the view.
        new_camera: ``opencv`` takes the camera that OpenCV estimates, to the last digit; None is ``exact``.

    Raises:
        IntrinsicsError: the calibration is for another aspect ratio, its rays are degenerate, or the rectified picture
            would be nearly empty or flat.
        UsageError: ``balance`` or ``fov_scale`` is out of range, or they or OpenCV's estimate make the picture nearly
            empty or flat.
    """
    if not 0.0 <= balance <= 1.0:
        raise UsageError(f"balance is {balance}, must be between 0 and 1")
    if not 0.0 < fov_scale < np.inf:
        raise UsageError(f"fov-scale is {fov_scale}, must be above 0")
    k = _scaled_matrix(intrinsics, width, height)
    matrix_of = _opencv_matrix if new_camera == "opencv" else _pinhole_matrix
    camera = Camera(width, height, k, intrinsics, matrix_of(k, intrinsics, (width, height), balance, fov_scale))
    lack = lack_of_picture(camera)
    if lack is None:
        return camera
    if (balance, fov_scale) != (0.0, 1.0) or new_camera == "opencv":
        fit_camera(intrinsics, width, height)  # raises if the calibration is to blame, and not the options
        estimate = " with --new-camera opencv" if new_camera == "opencv" else ""
        raise UsageError(f"--balance {balance:g} with --fov-scale {fov_scale:g}{estimate}: {lack}")
    raise IntrinsicsError(
        f"the intrinsics do not fit a picture of {width}x{height}: {lack}; check fx, fy, cx, cy and the lens "
        "coefficients"
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


def _pinhole_matrix(k: Float64, lens: Intrinsics, size: tuple[int, int], balance: float, fov_scale: float) -> Float64:
    """Choose the new camera from the exact rays of points on the picture's sides; its pixels are as square as before.

    For a fisheye this equals ``cv2.fisheye.estimateNewCameraMatrixForUndistortRectify`` to 1e-6 as long as OpenCV finds
    the rays. A point beyond the fold has none, and OpenCV returns -1e6 (a focal length of 0) or the wrong branch; for
    one that is more than pi / 2 focal lengths from the principal point it takes pi / 2. Here points are clamped to the
    fold alone.
    """
    top, right, bottom, left = sides = lens.side_rays(k, size)
    inner = np.array([[left[:, 0].max(), top[:, 1].max()], [right[:, 0].min(), bottom[:, 1].min()]])
    outer = np.array([sides.min(axis=(0, 1)), sides.max(axis=(0, 1))])
    centre, aspect = sides.mean(axis=(0, 1)), k[0, 0] / k[1, 1]
    half = np.array([size[0], size[1] * aspect]) / 2
    inner_reach, outer_reach = (np.array([centre - low, high - centre]) for low, high in (inner, outer))
    if not ((inner_reach > 0.0).all() and (outer_reach > 0.0).all()):
        raise IntrinsicsError(
            "the rays of these intrinsics all point to one side; check fx, fy, cx, cy and the lens coefficients"
        )
    narrow, wide = (half / inner_reach).max(), (half / outer_reach).min()
    focal = (balance * wide + (1.0 - balance) * narrow) / fov_scale
    new_centre = half - centre * focal
    return np.array([[focal, 0.0, new_centre[0]], [0.0, focal / aspect, new_centre[1] / aspect], [0.0, 0.0, 1.0]])


def _opencv_matrix(k: Float64, lens: Intrinsics, size: tuple[int, int], balance: float, fov_scale: float) -> Float64:
    """OpenCV's estimate; a fisheye's is scaled around the picture's centre, as OpenCV does it.

    Raises:
        UsageError: it is no camera.
    """
    found = lens.opencv_camera(k, size, balance)
    if not np.isfinite(found).all() or min(found[0, 0], found[1, 1]) < 1e-3 * min(k[0, 0], k[1, 1]):
        raise UsageError(
            f"--new-camera opencv: OpenCV finds no pinhole camera for this lens at balance {balance:g}, because a side "
            "of the picture is beyond the lens model's fold: use --new-camera exact"
        )
    middle = np.array(size) / 2
    scaled = found.copy()
    scaled[:2] /= fov_scale
    scaled[:2, 2] += middle * (1.0 - 1.0 / fov_scale)
    return scaled
