"""ROS's ``camera_info`` YAML, as ``camera_calibration`` writes it and ``camera_info_manager`` reads it.

``image_width``, ``image_height``, ``camera_matrix`` and ``distortion_coefficients`` with rows, cols and data, and
``distortion_model`` (``camera_calibration_parsers``). ``equidistant`` is Kannala-Brandt's model with k1, k2, k3, k4;
``plumb_bob`` and ``rational_polynomial`` are Brown's and Conrady's: k1, k2, p1, p2, k3, and k4, k5, k6 in the second
(``sensor_msgs/distortion_models.hpp``).
"""

from collections.abc import Mapping
from typing import Final

from stream.errors import IntrinsicsError
from stream.geometry.calibrations.document import Document
from stream.geometry.calibrations.matrix import focal_and_centre, matrix_of
from stream.geometry.intrinsics import Intrinsics
from stream.geometry.lenses.brown_conrady import BrownConrady
from stream.geometry.lenses.kannala_brandt import KannalaBrandt
from stream.geometry.lenses.table import intrinsics_of

NAME = "ROS camera_info"
_LENSES: Final[Mapping[object, tuple[type[Intrinsics], int]]] = {
    "equidistant": (KannalaBrandt, 4),
    "plumb_bob": (BrownConrady, 5),
    "rational_polynomial": (BrownConrady, 8),
}
"""By ``distortion_model``: the lens model, and the number of its coefficients."""
_KEYS = ("image_width", "image_height", "camera_matrix", "distortion_model", "distortion_coefficients")


def recognises(document: Document) -> bool:
    """Whether it has ROS's camera matrix, which unlike OpenCV's has no type ``dt``."""
    matrix = (document.content or {}).get("camera_matrix")
    return isinstance(matrix, dict) and "data" in matrix and "dt" not in matrix


def read(document: Document) -> Intrinsics:
    """Read a camera of one of the three models."""
    content = document.content or {}
    missing = [key for key in _KEYS if key not in content]
    if missing:
        raise IntrinsicsError(f"'{missing[0]}' is missing; a ROS camera_info has {', '.join(_KEYS)}")
    name = content["distortion_model"]
    if not isinstance(name, str) or name not in _LENSES:
        raise IntrinsicsError(
            f"'distortion_model' is {str(name)[:40]!r}, and only {', '.join(map(str, _LENSES))} can be read"
        )
    lens, coefficients = _LENSES[name]
    focal, centre = focal_and_centre(matrix_of(content["camera_matrix"], "camera_matrix"), "camera_matrix")
    k = matrix_of(content["distortion_coefficients"], "distortion_coefficients").data
    if len(k) != coefficients:
        raise IntrinsicsError(
            f"'distortion_coefficients' has {len(k)} numbers, but the model {name} has {coefficients}"
        )
    return intrinsics_of(lens, (content["image_width"], content["image_height"]), focal, centre, k)
