"""The options of the lens."""

from pathlib import Path
from typing import ClassVar

from stream.records.schema.options import OptionGroup, option, switch


class LensOptions(OptionGroup):
    """Undoing the fisheye lens."""

    title: ClassVar[str] = "Lens"

    rectify: bool = switch("Undo the fisheye lens.", on=True, identity=True, daily=True)
    intrinsics: Path | None = option(
        None,
        "Calibration file of the lens: Egocentric's JSON, Kalibr, ROS, OpenCV, COLMAP or OpenImuCameraCalibrator.",
        unset="intrinsics.json beside the clip or its tar",
        metavar="FILE",
        identity=True,
        daily=True,
    )
    balance: float = option(
        0.0,
        "Field of view to keep: 0 keeps only pixels that the camera recorded, 1 keeps the whole field of view.",
        identity=True,
        ge=0.0,
        le=1.0,
    )
    fov_scale: float = option(1.0, "Scale of the rectified view; above 1 widens it.", identity=True, ge=0.05, le=20.0)
