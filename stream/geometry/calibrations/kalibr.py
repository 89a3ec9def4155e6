"""Kalibr's ``camchain.yaml``, with one camera.

Each camera is a mapping ``cam0``, ``cam1``, ... with ``camera_model``, ``intrinsics``, ``distortion_model``,
``distortion_coeffs`` and ``resolution`` (Kalibr's wiki, "Yaml formats" and "Supported models"). The model
``pinhole`` has ``intrinsics`` fu, fv, pu, pv in pixels; its distortion ``equidistant`` (``pinhole-equi`` on the command
line) is Kannala-Brandt's, and ``radtan`` is Brown's and Conrady's with k1, k2, p1, p2.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Final

from annotated_types import Len
from pydantic import BaseModel, ConfigDict, ValidationError

from stream.errors import IntrinsicsError
from stream.geometry.calibrations.document import Document
from stream.geometry.intrinsics import Intrinsics, problem_of
from stream.geometry.lenses.brown_conrady import BrownConrady
from stream.geometry.lenses.kannala_brandt import KannalaBrandt
from stream.geometry.lenses.pinhole import Pinhole
from stream.geometry.lenses.table import intrinsics_of

NAME = "Kalibr camchain"
_LENSES: Final[Mapping[str, tuple[type[Intrinsics], int]]] = {
    "equidistant": (KannalaBrandt, 4),
    "radtan": (BrownConrady, 4),
    "none": (Pinhole, 0),
}
"""By the name of the distortion: the lens model, and the number of its coefficients."""
_CAMERA = re.compile(r"cam\d+")


class _KalibrCamera(BaseModel):
    model_config = ConfigDict(strict=True)

    camera_model: str
    intrinsics: list[float]
    distortion_model: str
    distortion_coeffs: list[float]
    resolution: Annotated[list[int], Len(2, 2)]


def recognises(document: Document) -> bool:
    """Whether it has mappings ``cam0``, ``cam1``, ..."""
    return bool(_cameras(document))


def read(document: Document) -> Intrinsics:
    """Read the one camera."""
    cameras = _cameras(document)
    if len(cameras) > 1:
        raise IntrinsicsError(f"a Kalibr camchain of {', '.join(cameras)}: leave only that of the clip in it")
    ((name, content),) = cameras.items()
    try:
        camera = _KalibrCamera.model_validate(content)
    except ValidationError as error:
        raise IntrinsicsError(f"{name}: {problem_of(error, 'Kalibr', tuple(_KalibrCamera.model_fields))}") from error
    if camera.camera_model != "pinhole" or camera.distortion_model not in _LENSES:
        raise IntrinsicsError(
            f"{name} has Kalibr's model {camera.camera_model[:40]!r} with {camera.distortion_model[:40]!r} distortion, "
            "which cannot be read: calibrate with --models pinhole-equi or pinhole-radtan"
        )
    lens, coefficients = _LENSES[camera.distortion_model]
    if (len(camera.intrinsics), len(camera.distortion_coeffs)) != (4, coefficients):
        raise IntrinsicsError(
            f"{name} has {len(camera.intrinsics)} intrinsics and {len(camera.distortion_coeffs)} distortion_coeffs, "
            f"but pinhole with {camera.distortion_model} has 4 and {coefficients}"
        )
    (width, height), (fx, fy, cx, cy) = camera.resolution, camera.intrinsics
    return intrinsics_of(lens, (width, height), (fx, fy), (cx, cy), camera.distortion_coeffs)


def _cameras(document: Document) -> dict[str, object]:
    content = document.content or {}
    return {name: value for name, value in content.items() if _CAMERA.fullmatch(name) and isinstance(value, dict)}
