"""Calibrations of other tools, each known by a key that only it has, and refused by name."""

from typing import Final

from stream.errors import IntrinsicsError
from stream.geometry.calibrations.document import Document
from stream.geometry.intrinsics import Intrinsics
from stream.geometry.lenses.kannala_brandt import KannalaBrandt

NAME = "unsupported"
_TOOLS: Final = {
    "CameraCalibrations": "Project Aria's VRS calibration (FisheyeRadTanThinPrism)",
    "Projection": "one camera of Project Aria's VRS calibration",
    "Camera.type": "ORB-SLAM's settings",
    "model_type": "a camodocal or VINS calibration",
    "value0": "a Basalt calibration",
    "fl_x": "nerfstudio's transforms.json",
    "fisheye_params": "a Gyroflow lens profile",
    "distortion_model": "a ROS CameraInfo message",
}


def recognises(document: Document) -> bool:
    """Whether it has one of those keys."""
    return any(key in (document.content or {}) for key in _TOOLS)


def read(document: Document) -> Intrinsics:
    """Refuse it.

    Raises:
        IntrinsicsError: always.
    """
    tool = next(name for key, name in _TOOLS.items() if key in (document.content or {}))
    keys = ", ".join(KannalaBrandt.model_fields)
    raise IntrinsicsError(
        f"looks like {tool}, which cannot be read: give the calibration as JSON, for a fisheye {keys}"
    )
