"""The options of the lens, without OpenCV: processes that touch no picture read them, too."""

from pathlib import Path
from typing import ClassVar, Literal

from stream.records.schema.options import OptionGroup, option, switch


class LensOptions(OptionGroup):
    """Undoing the lens."""

    title: ClassVar[str] = "Lens"

    rectify: bool = switch("Undo the lens.", on=True, identity=True, daily=True)
    intrinsics: Path | None = option(
        None,
        "Calibration file of the lens: JSON, Kalibr, ROS, OpenCV, COLMAP or OpenImuCameraCalibrator.",
        unset="intrinsics.json beside the clip or its tar",
        metavar="FILE",
        identity=True,
        daily=True,
    )
    preset: Literal["gopro-wide", "gopro-linear", "phone"] | None = option(
        None,
        "Approximate lens of a common camera, instead of a calibration; every record says so.",
        flag="--lens",
        unset="none",
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
    new_camera: Literal["exact", "opencv"] | None = option(
        None,
        "Pinhole camera of the rectified picture: from the lens's exact rays, or as OpenCV estimates it, which differs "
        "for very wide lenses.",
        unset="exact",
        identity=True,
    )
