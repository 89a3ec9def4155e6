"""OpenCV's ``FileStorage``, as YAML, JSON or XML.

OpenCV's own programs write ``image_width``, ``image_height``, ``camera_matrix`` and ``distortion_coefficients``
(``samples/cpp/tutorial_code/calib3d/camera_calibration``, with ``fisheye_model``) or ``cameraResolution``,
``cameraMatrix`` and ``dist_coeffs`` (``apps/interactive-calibration``). Four coefficients alone can be those of
``cv2.fisheye`` or k1, k2, p1, p2 of the radial-tangential model, so the file must state the fisheye model.
"""

from stream.errors import IntrinsicsError
from stream.geometry.calibrations.document import Document
from stream.geometry.calibrations.matrix import focal_and_centre, matrix_of
from stream.geometry.intrinsics import Intrinsics, intrinsics_of

NAME = "OpenCV FileStorage"
_MATRICES = (("camera_matrix", "distortion_coefficients"), ("cameraMatrix", "dist_coeffs"), ("K", "D"))
_SIZES = ("cameraResolution", "image_size")
_STATEMENT = "fisheye_model"
_NOT_FISHEYE = "the radial-tangential model, which cannot be read: calibrate with cv2.fisheye.calibrate"


def recognises(document: Document) -> bool:
    """Whether it has one of OpenCV's matrices, which name their type ``dt``."""
    values = (document.content or {}).values()
    return any(isinstance(value, dict) and {"rows", "cols", "dt", "data"} <= value.keys() for value in values)


def read(document: Document) -> Intrinsics:
    """Read a camera that is stated to be a fisheye."""
    content = dict(document.content or {})
    for camera_key, lens_key in _MATRICES:
        if camera_key in content and lens_key in content:
            break
    else:
        expected = " or ".join(f"{camera} and {lens}" for camera, lens in _MATRICES)
        raise IntrinsicsError(f"matrices of OpenCV, but none of a camera: expected {expected}")
    k = matrix_of(content[lens_key], lens_key).data
    _require_fisheye(content, lens_key, len(k))
    focal, centre = focal_and_centre(matrix_of(content[camera_key], camera_key), camera_key)
    return intrinsics_of(*_size(content), focal, centre, k)


def _require_fisheye(content: dict[str, object], lens_key: str, coefficients: int) -> None:
    if "xi" in content:
        raise IntrinsicsError("'xi' belongs to OpenCV's omnidirectional model (cv2.omnidir), which cannot be read")
    if coefficients != 4:
        raise IntrinsicsError(f"{lens_key!r} has {coefficients} numbers, as in {_NOT_FISHEYE}, which has 4")
    statement = content.get(_STATEMENT)
    if statement is None:
        raise IntrinsicsError(
            f"the 4 numbers of {lens_key!r} can belong to the fisheye or to the radial-tangential model: "
            f"if cv2.fisheye made them, add the entry {_STATEMENT} with the value 1"
        )
    if statement is not True and statement != 1:
        raise IntrinsicsError(f"'{_STATEMENT}' is {str(statement)[:40]}, which stands for {_NOT_FISHEYE}")


def _size(content: dict[str, object]) -> tuple[object, object]:
    """Width and height of the picture, as they stand there."""
    if "image_width" in content and "image_height" in content:
        return content["image_width"], content["image_height"]
    for key in _SIZES:
        match content.get(key):
            case [int(width), int(height)]:
                return width, height
    raise IntrinsicsError("the size of the picture is missing: add image_width and image_height")
