"""COLMAP's ``cameras.txt``, with one camera of the model ``OPENCV_FISHEYE``.

A line per camera: id, model, width, height, and fx, fy, cx, cy, k1, k2, k3, k4 (COLMAP, "Output format";
``src/colmap/sensor/models.h``). COLMAP puts the centre of the first pixel at (0.5, 0.5), OpenCV at (0, 0).
"""

import re

from stream.errors import IntrinsicsError
from stream.geometry.calibrations.document import Document
from stream.geometry.intrinsics import Intrinsics, intrinsics_of

NAME = "COLMAP cameras.txt"
_MODEL = "OPENCV_FISHEYE"
_LINE = re.compile(r"(\d+)\s+([A-Z_]+)\s+(\d{1,6})\s+(\d{1,6})((?:\s+[-+.\deE]+)+)")
_PIXEL_CENTRE = 0.5


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
    _, model, width, height, numbers = found.groups()
    if model != _MODEL:
        raise IntrinsicsError(f"COLMAP's camera model {model[:40]} cannot be read: only {_MODEL} can")
    try:
        values = [float(number) for number in numbers.split()]
    except ValueError as error:
        raise IntrinsicsError(f"the parameters of COLMAP's camera are not numbers: {numbers.strip()[:60]}") from error
    if len(values) != 8:
        raise IntrinsicsError(f"COLMAP's camera has {len(values)} parameters, but {_MODEL} has 8")
    fx, fy, cx, cy, *k = values
    return intrinsics_of(int(width), int(height), (fx, fy), (cx - _PIXEL_CENTRE, cy - _PIXEL_CENTRE), k)


def _lines(document: Document) -> list[str]:
    stripped = (line.strip() for line in document.text.splitlines())
    return [line for line in stripped if line and not line.startswith("#")]
