"""COLMAP's ``cameras.txt``, with one camera.

A line per camera: id, model, width, height, and the model's parameters: one or two focal lengths, cx, cy and the lens
coefficients, in OpenCV's order (COLMAP, "Output format"; ``src/colmap/sensor/models.h``). COLMAP puts the centre of the
first pixel at (0.5, 0.5), OpenCV at (0, 0).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stream.errors import IntrinsicsError
from stream.geometry.calibrations.document import Document
from stream.geometry.intrinsics import Intrinsics
from stream.geometry.lenses.brown_conrady import BrownConrady
from stream.geometry.lenses.kannala_brandt import KannalaBrandt
from stream.geometry.lenses.pinhole import Pinhole
from stream.geometry.lenses.table import intrinsics_of

NAME = "COLMAP cameras.txt"
_LINE = re.compile(r"(\d+)\s+([A-Z_]+)\s+(\d{1,6})\s+(\d{1,6})((?:\s+[-+.\deE]+)+)")
_PIXEL_CENTRE = 0.5


@dataclass(frozen=True, slots=True)
class _ColmapModel:
    lens: type[Intrinsics]
    focal_lengths: int
    coefficients: int

    @property
    def parameters(self) -> int:
        return self.focal_lengths + 2 + self.coefficients


_MODELS: Final[Mapping[str, _ColmapModel]] = {
    "OPENCV_FISHEYE": _ColmapModel(KannalaBrandt, 2, 4),
    "RADIAL_FISHEYE": _ColmapModel(KannalaBrandt, 1, 2),
    "SIMPLE_RADIAL_FISHEYE": _ColmapModel(KannalaBrandt, 1, 1),
    "FULL_OPENCV": _ColmapModel(BrownConrady, 2, 8),
    "OPENCV": _ColmapModel(BrownConrady, 2, 4),
    "RADIAL": _ColmapModel(BrownConrady, 1, 2),
    "SIMPLE_RADIAL": _ColmapModel(BrownConrady, 1, 1),
    "PINHOLE": _ColmapModel(Pinhole, 2, 0),
    "SIMPLE_PINHOLE": _ColmapModel(Pinhole, 1, 0),
}


def recognises(document: Document) -> bool:
    """Whether each line that is no comment describes a camera."""
    lines = _lines(document)
    return document.content is None and bool(lines) and all(_LINE.fullmatch(line) for line in lines)


def read(document: Document) -> Intrinsics:
    """Read the one camera."""
    lines = _lines(document)
    if len(lines) > 1:
        raise IntrinsicsError(f"COLMAP's cameras.txt with {len(lines)} cameras: leave only that of the clip in it")
    found = _LINE.fullmatch(lines[0])
    if found is None:
        raise IntrinsicsError("not a line of COLMAP's cameras.txt")
    _, name, width, height, numbers = found.groups()
    model = _MODELS.get(name)
    if model is None:
        raise IntrinsicsError(f"COLMAP's camera model {name[:40]} cannot be read: only {', '.join(_MODELS)} can")
    try:
        values = [float(number) for number in numbers.split()]
    except ValueError as error:
        raise IntrinsicsError(f"the parameters of COLMAP's camera are not numbers: {numbers.strip()[:60]}") from error
    if len(values) != model.parameters:
        raise IntrinsicsError(f"COLMAP's camera has {len(values)} parameters, but {name} has {model.parameters}")
    focal, (cx, cy) = values[: model.focal_lengths], values[model.focal_lengths : model.focal_lengths + 2]
    zeros = [0.0] * (4 - model.coefficients if model.lens is not Pinhole else 0)
    coefficients = [*values[model.focal_lengths + 2 :], *zeros]
    centre = cx - _PIXEL_CENTRE, cy - _PIXEL_CENTRE
    return intrinsics_of(model.lens, (int(width), int(height)), (focal[0], focal[-1]), centre, coefficients)


def _lines(document: Document) -> list[str]:
    stripped = (line.strip() for line in document.text.splitlines())
    return [line for line in stripped if line and not line.startswith("#")]
