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

ASPECT_TOLERANCE = 0.01
"""A calibration may serve a scaled picture: 456x256 is 1920x1080 with the sides rounded, 0.2 % off its aspect."""
WIDEST_RAD = np.radians(80.0)
"""No pinhole is fitted to rays farther out: at 80 degrees it already shrinks the middle to a sixth."""
NEGLIGIBLE = 1e-12
"""Of a lens coefficient: at most 1e-7 of the derivative at pi."""

_LARGEST = 1e6
"""Beyond what any camera has, in pixels or as a lens coefficient; up to it nothing in the model overflows."""
_FILE_BYTES_MAX = 64 * 1024

Finite = Annotated[float, Field(ge=-_LARGEST, le=_LARGEST, allow_inf_nan=False)]
FocalLength = Annotated[float, Field(ge=1 / _LARGEST, le=_LARGEST, allow_inf_nan=False)]
Side = Annotated[int, Field(gt=0, le=65536)]


class Intrinsics(BaseModel):
    """A calibration as published beside the clips: pixels of the upright picture, and the lens polynomial."""

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
    """Read a calibration; keys that are not part of it are ignored.

    Raises:
        IntrinsicsError: the file is missing, is too large, is not JSON, lacks a key, has one twice, or holds a value
            that no camera has.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise IntrinsicsError(f"intrinsics {path} cannot be read: {error.strerror}") from error
    if len(content) > _FILE_BYTES_MAX:
        raise IntrinsicsError(f"intrinsics {path}: more than {_FILE_BYTES_MAX} bytes, which no calibration has")
    try:
        return Intrinsics.model_validate(json.loads(content, object_pairs_hook=_each_key_once))
    except ValidationError as error:
        raise IntrinsicsError(f"intrinsics {path}: {_first_problem(error)}") from error
    except _TwiceError as error:
        raise IntrinsicsError(
            f"intrinsics {path}: the key {error.key!r} stands there twice: which one counts?"
        ) from error
    except (ValueError, RecursionError) as error:  # no JSON, no Unicode, a number of 5000 digits; nested a thousandfold
        raise IntrinsicsError(f"intrinsics {path}: not JSON") from error


class _TwiceError(Exception):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _each_key_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise _TwiceError(key)
        found[key] = value
    return found


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in problem["loc"])
    match problem["type"]:
        case "missing":
            return f"'{key}' is missing; a fisheye calibration has {', '.join(Intrinsics.model_fields)}"
        case "model_type":
            return "no JSON object"
        case _:
            message = problem["msg"][0].lower() + problem["msg"][1:]
            return f"'{key}' is {reprlib.repr(problem['input'])}, {message}" if key else message


@dataclass(frozen=True, eq=False)
class Camera:
    """A fisheye camera for pictures of one size, and the pinhole camera that takes its place."""

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
        """The angle up to which the lens has an inverse."""
        return fold_angle(self.d)

    @property
    def fov_deg(self) -> tuple[float, float]:
        """What the rectified picture spans across and down, between the centres of its outer pixels."""
        focal, centre = np.diag(self.new_k)[:2], self.new_k[:2, 2]
        last = np.array([self.width - 1, self.height - 1])
        across, down = np.degrees(np.arctan(centre / focal) + np.arctan((last - centre) / focal))
        return float(across), float(down)

    def locate(self, pinhole: Float64, width: int, height: int) -> tuple[Float32, Float32, npt.NDArray[np.bool_]]:
        """Find where the pixels of a pinhole picture lie in the fisheye picture.

        Args:
            pinhole: (3, 3) camera matrix of the picture to be made, which looks the same way.
            width: Of that picture.
            height: Of that picture.

        Returns:
            (height, width) x and y in the fisheye picture, pixels, and whether the lens can see that ray at all:
            beyond ``theta_max_rad`` the polynomial folds back, and x and y mean nothing.
        """
        x, y = cv2.fisheye.initUndistortRectifyMap(self.k, self.d, np.eye(3), pinhole, (width, height), cv2.CV_32FC1)
        across = (np.arange(width) - pinhole[0, 2]) / pinhole[0, 0]
        down = (np.arange(height) - pinhole[1, 2]) / pinhole[1, 1]
        theta = np.arctan(np.hypot(across[None, :], down[:, None]))
        return np.asarray(x, np.float32), np.asarray(y, np.float32), theta < self.theta_max_rad


def fit_camera(intrinsics: Intrinsics, width: int, height: int, balance: float = 0.0, fov_scale: float = 1.0) -> Camera:
    """Scale a calibration to pictures of ``width`` x ``height`` (upright) and choose the pinhole camera.

    Args:
        intrinsics: The calibration, possibly made at another size of the same picture.
        width: Pixels of the clip's upright picture.
        height: The same.
        balance: 0 shows only what the source has, 1 shows the whole field of view with black borders.
        fov_scale: Above 1 widens the view.

    Raises:
        IntrinsicsError: the calibration is for a picture of another shape, or its rays all go one way.
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
    Coefficients that change nothing below pi would only upset the root finder, and count as zero.
    """
    k1, k2, k3, k4 = np.where(np.abs(d) < NEGLIGIBLE, 0.0, d)
    roots = np.roots([9 * k4, 7 * k3, 5 * k2, 3 * k1, 1.0])
    real = roots.real[(np.abs(roots.imag) < 1e-9 * np.abs(roots)) & (roots.real > 0.0)]
    return float(min(np.sqrt(real).min(initial=np.inf), np.pi))


def _scaled_matrix(intrinsics: Intrinsics, width: int, height: int) -> Float64:
    scale_x, scale_y = width / intrinsics.image_width, height / intrinsics.image_height
    if abs(scale_x / scale_y - 1.0) > ASPECT_TOLERANCE:
        raise IntrinsicsError(
            f"the intrinsics are for {intrinsics.image_width}x{intrinsics.image_height}, which is not the shape of "
            f"the clip's {width}x{height}; give the intrinsics of the camera that took it, or --no-rectify"
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

    OpenCV looks at the middles of the four sides; where such a point lies beyond the fold it has no ray, and OpenCV
    gives -1e6 (a focal length of 0) or the wrong branch. Here it is taken at the fold.
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
        raise IntrinsicsError("the rays of these intrinsics all go one way; check fx, fy, cx, cy and k1 to k4")
    candidates = half / reach
    focal = (balance * candidates.min() + (1.0 - balance) * candidates.max()) / fov_scale
    new_centre = half - centre * focal
    return np.array([[focal, 0.0, new_centre[0]], [0.0, focal / aspect, new_centre[1] / aspect], [0.0, 0.0, 1.0]])


def _undistort(points: Float64, d: Float64) -> Float64:
    """From the fisheye plane to the pinhole plane, both (N, 2) in focal lengths; clamped where the lens ends."""
    theta = np.linspace(0.0, min(fold_angle(d), WIDEST_RAD), 100_001)
    theta_d = theta * np.polynomial.polynomial.polyval(theta**2, [1.0, *d])
    radius = np.hypot(points[:, 0], points[:, 1])
    return points * (np.tan(np.interp(radius, theta_d, theta)) / np.maximum(radius, 1e-12))[:, None]
