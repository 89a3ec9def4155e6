"""A Kannala-Brandt camera (OpenCV's "fisheye"), its calibration file, and the pinhole camera that replaces it.

The model: a ray at angle theta from the optical axis meets the picture at the distance
``theta_d = theta (1 + k1 theta^2 + k2 theta^4 + k3 theta^6 + k4 theta^8)`` from the principal point, in focal lengths
(Kannala & Brandt, IEEE PAMI 28(8), 2006; OpenCV, calib3d, "Fisheye camera model"). Pixel centres have whole
coordinates, as everywhere in OpenCV.
"""

import json
import reprlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stream.errors import IntrinsicsError, UsageError
from stream.pipeline.items import Float32, Float64
from stream.video.picture import is_same_aspect

WIDEST_RAD = np.radians(80.0)
"""No pinhole camera is fitted to rays farther out: at 80 degrees it already shrinks the centre to a sixth."""
NEGLIGIBLE = 1e-12
"""A lens coefficient below this contributes at most 1e-7 of the derivative at pi."""

_LARGEST = 1e6
"""Larger than any real value in pixels or lens coefficient; up to it nothing in the model overflows."""
_FILE_BYTES_MAX = 64 * 1024

Finite = Annotated[float, Field(ge=-_LARGEST, le=_LARGEST, allow_inf_nan=False)]
FocalLength = Annotated[float, Field(ge=1 / _LARGEST, le=_LARGEST, allow_inf_nan=False)]
Side = Annotated[int, Field(gt=0, le=65536)]


class Intrinsics(BaseModel):
    """A calibration as published with the clips: in pixels of the upright picture, with the lens polynomial."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    model: Literal["fisheye"]
    image_width: Side
    image_height: Side
    fx: FocalLength
    fy: FocalLength
    cx: Finite
    cy: Finite
    k1: Finite
    k2: Finite
    k3: Finite
    k4: Finite


def read_intrinsics(path: Path) -> Intrinsics:
    """Read a calibration file; unknown keys are ignored.

    Raises:
        IntrinsicsError: the file is missing, too large or not JSON, or a key is missing, duplicated or out of range.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise IntrinsicsError(f"intrinsics {path} cannot be read: {error.strerror}") from error
    if len(content) > _FILE_BYTES_MAX:
        raise IntrinsicsError(f"intrinsics {path}: larger than {_FILE_BYTES_MAX} bytes, so it is not a calibration")
    try:
        return Intrinsics.model_validate(json.loads(content, object_pairs_hook=_unique_keys))
    except ValidationError as error:
        raise IntrinsicsError(f"intrinsics {path}: {_first_problem(error)}") from error
    except _DuplicateKeyError as error:
        raise IntrinsicsError(f"intrinsics {path}: the key {error.key!r} occurs twice; remove one") from error
    except (ValueError, RecursionError) as error:  # not JSON or Unicode, a number of 5000 digits; or nested too deeply
        raise IntrinsicsError(f"intrinsics {path}: not JSON") from error


class _DuplicateKeyError(Exception):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise _DuplicateKeyError(key)
        found[key] = value
    return found


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in problem["loc"])
    match problem["type"]:
        case "missing":
            return f"'{key}' is missing; a fisheye calibration has {', '.join(Intrinsics.model_fields)}"
        case "model_type":
            return "not a JSON object"
        case _:
            message = problem["msg"][0].lower() + problem["msg"][1:]
            return f"'{key}' is {reprlib.repr(problem['input'])}, {message}" if key else message


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
        IntrinsicsError: the calibration is for another aspect ratio, or its rays are degenerate.
        UsageError: ``balance`` or ``fov_scale`` is out of range.
    """
    if not 0.0 <= balance <= 1.0:
        raise UsageError(f"balance is {balance}, must be between 0 and 1")
    if not 0.0 < fov_scale < np.inf:
        raise UsageError(f"fov-scale is {fov_scale}, must be above 0")
    k = _scaled_matrix(intrinsics, width, height)
    d = np.array([intrinsics.k1, intrinsics.k2, intrinsics.k3, intrinsics.k4])
    return Camera(width, height, k, d, _pinhole_matrix(k, d, (width, height), balance, fov_scale))


def fold_angle(d: Float64) -> float:
    """The angle, radians, at which ``theta_d`` stops growing; pi for a lens that never folds.

    It is the first root of the derivative ``1 + 3 k1 s + 5 k2 s^2 + 7 k3 s^3 + 9 k4 s^4`` with ``s = theta^2``.
    Coefficients with no effect below pi would only disturb the root finder, so they count as zero.
    """
    k1, k2, k3, k4 = np.where(np.abs(d) < NEGLIGIBLE, 0.0, d)
    roots = np.roots([9 * k4, 7 * k3, 5 * k2, 3 * k1, 1.0])
    real = roots.real[(np.abs(roots.imag) < 1e-9 * np.abs(roots)) & (roots.real > 0.0)]
    return float(min(np.sqrt(real).min(initial=np.inf), np.pi))


def _scaled_matrix(intrinsics: Intrinsics, width: int, height: int) -> Float64:
    scale_x, scale_y = width / intrinsics.image_width, height / intrinsics.image_height
    if not is_same_aspect((width, height), (intrinsics.image_width, intrinsics.image_height)):
        raise IntrinsicsError(
            f"the intrinsics are for {intrinsics.image_width}x{intrinsics.image_height}, and the clip's "
            f"{width}x{height} has another aspect ratio; give the recording camera's intrinsics, or --no-rectify"
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
    theta_d = theta * np.polynomial.polynomial.polyval(theta**2, [1.0, *d])
    radius = np.hypot(points[:, 0], points[:, 1])
    return points * (np.tan(np.interp(radius, theta_d, theta)) / np.maximum(radius, 1e-12))[:, None]
