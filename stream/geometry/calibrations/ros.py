"""ROS's ``camera_info`` YAML, as ``camera_calibration`` writes it and ``camera_info_manager`` reads it.

``image_width``, ``image_height``, ``camera_matrix`` and ``distortion_coefficients`` with rows, cols and data, and
``distortion_model`` (``camera_calibration_parsers``). ``equidistant`` is Kannala-Brandt's model with k1, k2, k3, k4
(``sensor_msgs/distortion_models.hpp``); ``plumb_bob`` and ``rational_polynomial`` are radial-tangential ones.
"""

from stream.errors import IntrinsicsError
from stream.geometry.calibrations.document import Document
from stream.geometry.calibrations.matrix import focal_and_centre, matrix_of
from stream.geometry.intrinsics import Intrinsics, intrinsics_of

NAME = "ROS camera_info"
_KEYS = ("image_width", "image_height", "camera_matrix", "distortion_model", "distortion_coefficients")


def recognises(document: Document) -> bool:
    """Whether it has ROS's camera matrix, which unlike OpenCV's has no type ``dt``."""
    matrix = (document.content or {}).get("camera_matrix")
    return isinstance(matrix, dict) and "data" in matrix and "dt" not in matrix


def read(document: Document) -> Intrinsics:
    """Read a camera of the model ``equidistant``."""
    content = document.content or {}
    missing = [key for key in _KEYS if key not in content]
    if missing:
        raise IntrinsicsError(f"'{missing[0]}' is missing; a ROS camera_info has {', '.join(_KEYS)}")
    if content["distortion_model"] != "equidistant":
        raise IntrinsicsError(
            f"'distortion_model' is {str(content['distortion_model'])[:40]!r}, and only equidistant can be read: "
            "calibrate with camera_calibration's fisheye model"
        )
    focal, centre = focal_and_centre(matrix_of(content["camera_matrix"], "camera_matrix"), "camera_matrix")
    k = matrix_of(content["distortion_coefficients"], "distortion_coefficients").data
    if len(k) != 4:
        raise IntrinsicsError(f"'distortion_coefficients' has {len(k)} numbers, but the equidistant model has 4")
    return intrinsics_of(content["image_width"], content["image_height"], focal, centre, k)
