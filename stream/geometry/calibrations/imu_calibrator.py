"""The JSON of OpenImuCameraCalibrator, with which GoPros are calibrated (UMI among others).

``intrinsic_type`` names the model, ``intrinsics`` holds its values (``src/io/write_camera_calibration.cc``). The model
``FISHEYE`` is Theia's (``fisheye_camera_model.h``), whose polynomial is Kannala-Brandt's: fx is ``focal_length``, fy is
``focal_length * aspect_ratio``.
"""

from pydantic import BaseModel, ConfigDict, ValidationError

from stream.errors import IntrinsicsError
from stream.geometry.calibrations.document import Document
from stream.geometry.intrinsics import Intrinsics, problem_of
from stream.geometry.lenses.kannala_brandt import KannalaBrandt
from stream.geometry.lenses.table import intrinsics_of

NAME = "OpenImuCameraCalibrator JSON"


class _TheiaFisheye(BaseModel):
    model_config = ConfigDict(strict=True)

    focal_length: float
    aspect_ratio: float
    skew: float
    principal_pt_x: float
    principal_pt_y: float
    radial_distortion_1: float
    radial_distortion_2: float
    radial_distortion_3: float
    radial_distortion_4: float


class _TheiaCalibration(BaseModel):
    model_config = ConfigDict(strict=True)

    image_width: int
    image_height: int
    intrinsics: _TheiaFisheye


def recognises(document: Document) -> bool:
    """Whether it names an ``intrinsic_type``."""
    return "intrinsic_type" in (document.content or {})


def read(document: Document) -> Intrinsics:
    """Read a calibration of the model ``FISHEYE``."""
    content = document.content or {}
    if content["intrinsic_type"] != "FISHEYE":
        raise IntrinsicsError(
            f"'intrinsic_type' is {str(content['intrinsic_type'])[:40]!r}, and only FISHEYE can be read: "
            "calibrate with --camera_model=FISHEYE"
        )
    try:
        found = _TheiaCalibration.model_validate(content)
    except ValidationError as error:
        raise IntrinsicsError(problem_of(error, "fisheye", tuple(_TheiaFisheye.model_fields))) from error
    lens = found.intrinsics
    if lens.skew != 0.0:
        raise IntrinsicsError(f"'skew' is {lens.skew:g}, but only cameras without skew can be read")
    return intrinsics_of(
        KannalaBrandt,
        (found.image_width, found.image_height),
        (lens.focal_length, lens.focal_length * lens.aspect_ratio),
        (lens.principal_pt_x, lens.principal_pt_y),
        [lens.radial_distortion_1, lens.radial_distortion_2, lens.radial_distortion_3, lens.radial_distortion_4],
    )
