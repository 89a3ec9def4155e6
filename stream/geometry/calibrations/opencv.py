"""OpenCV's ``FileStorage``, as YAML, JSON or XML.

OpenCV's own programs write ``image_width``, ``image_height``, ``camera_matrix`` and ``distortion_coefficients``
(``samples/cpp/tutorial_code/calib3d/camera_calibration``, with ``fisheye_model``) or ``cameraResolution``,
``cameraMatrix`` and ``dist_coeffs`` (``apps/interactive-calibration``). Four coefficients alone can be those of
``cv2.fisheye`` or k1, k2, p1, p2 of Brown's and Conrady's model, so the file must state which; five or more are those
of the latter, with k3 and k4, k5, k6. Behind them ``cv2.calibrateCamera`` writes four of a thin prism and two of a
tilted sensor, which are zeros unless its flags ask for them.
"""

from stream.errors import IntrinsicsError
from stream.geometry.calibrations.document import Document
from stream.geometry.calibrations.matrix import focal_and_centre, matrix_of
from stream.geometry.intrinsics import Intrinsics
from stream.geometry.lenses.brown_conrady import BrownConrady
from stream.geometry.lenses.kannala_brandt import KannalaBrandt
from stream.geometry.lenses.table import intrinsics_of

NAME = "OpenCV FileStorage"
_MATRICES = (("camera_matrix", "distortion_coefficients"), ("cameraMatrix", "dist_coeffs"), ("K", "D"))
_SIZES = ("cameraResolution", "image_size")
_STATEMENT = "fisheye_model"
_FISHEYE, _BROWN = (4,), (4, 5, 8, 12, 14)
"""How many coefficients the two models have."""
_RADIAL_AND_TANGENTIAL = 8
"""Coefficients of Brown's and Conrady's model; those behind them must be zeros."""


def recognises(document: Document) -> bool:
    """Whether it has one of OpenCV's matrices, which name their type ``dt``."""
    values = (document.content or {}).values()
    return any(isinstance(value, dict) and {"rows", "cols", "dt", "data"} <= value.keys() for value in values)


def read(document: Document) -> Intrinsics:
    """Read a camera whose lens model is stated, or certain from the number of its coefficients."""
    content = dict(document.content or {})
    for camera_key, lens_key in _MATRICES:
        if camera_key in content and lens_key in content:
            break
    else:
        expected = " or ".join(f"{camera} and {lens}" for camera, lens in _MATRICES)
        raise IntrinsicsError(f"matrices of OpenCV, but none of a camera: expected {expected}")
    k = matrix_of(content[lens_key], lens_key).data
    lens = _lens(content, lens_key, k)
    focal, centre = focal_and_centre(matrix_of(content[camera_key], camera_key), camera_key)
    return intrinsics_of(lens, _size(content), focal, centre, k)


def _lens(content: dict[str, object], lens_key: str, k: list[float]) -> type[Intrinsics]:
    if "xi" in content:
        raise IntrinsicsError("'xi' belongs to OpenCV's omnidirectional model (cv2.omnidir), which cannot be read")
    statement = content.get(_STATEMENT)
    if statement is None and len(k) == 4:
        raise IntrinsicsError(
            f"the 4 numbers of {lens_key!r} can belong to the fisheye or to the Brown-Conrady model: add the entry "
            f"{_STATEMENT}, with the value 1 if cv2.fisheye made them, and 0 if cv2.calibrateCamera did"
        )
    if statement not in (None, 0, 1):
        raise IntrinsicsError(f"'{_STATEMENT}' is {str(statement)[:40]}, but is 0 or 1")
    lens, numbers = (KannalaBrandt, _FISHEYE) if statement else (BrownConrady, _BROWN)
    if len(k) not in numbers:
        expected = " or ".join(map(str, numbers))
        raise IntrinsicsError(
            f"{lens_key!r} has {len(k)} numbers, but of the {lens.NAMES[0]} model only {expected} can be read"
        )
    if any(k[_RADIAL_AND_TANGENTIAL:]):
        raise IntrinsicsError(
            f"{lens_key!r} has coefficients of a thin prism or a tilted sensor, which cannot be read: calibrate "
            "without CALIB_THIN_PRISM_MODEL and CALIB_TILTED_MODEL"
        )
    return lens


def _size(content: dict[str, object]) -> tuple[object, object]:
    """Width and height of the picture, as they stand there."""
    if "image_width" in content and "image_height" in content:
        return content["image_width"], content["image_height"]
    for key in _SIZES:
        match content.get(key):
            case [int(width), int(height)]:
                return width, height
    raise IntrinsicsError("the size of the picture is missing: add image_width and image_height")
