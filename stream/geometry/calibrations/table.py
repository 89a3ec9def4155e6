"""The table of calibration formats, and the function that reads a file of any of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stream.errors import IntrinsicsError
from stream.geometry.calibrations import colmap, egocentric, imu_calibrator, kalibr, opencv, ros, unsupported
from stream.geometry.calibrations.document import Document, parse
from stream.geometry.calibrations.format import CalibrationFormat
from stream.geometry.intrinsics import Intrinsics
from stream.geometry.lenses.presets import PRESET
from stream.geometry.plausibility import require_possible

FORMATS: Final[Sequence[CalibrationFormat]] = (kalibr, ros, opencv, colmap, imu_calibrator, unsupported, egocentric)
"""In the order in which they are tried."""
_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class Calibration:
    """The content of a calibration file."""

    intrinsics: Intrinsics
    format: str
    """Name of the file's format; of a preset, that it is approximate, and its name."""

    @property
    def is_approximate(self) -> bool:
        """Whether it is a preset."""
        return self.format.startswith(PRESET)


def read_calibration(path: Path) -> Calibration:
    """Read a calibration file; keys that its format does not need are ignored.

    Raises:
        IntrinsicsError: the file is missing, too large or of no known format, a value is missing, duplicated or out of
            range, or no camera has such values.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_BYTES_MAX + 1)
    except OSError as error:
        raise IntrinsicsError(f"intrinsics {path} cannot be read: {error.strerror}") from error
    if len(data) > _BYTES_MAX:
        raise IntrinsicsError(f"intrinsics {path}: larger than {_BYTES_MAX} bytes, so it is not a calibration")
    try:
        return _calibration(data)
    except IntrinsicsError as error:
        raise IntrinsicsError(f"intrinsics {path}: {error}") from error


def _preset_of(document: Document) -> str | None:
    """The preset that a rectified video was made with, as ``rectify`` writes it beside it: that stays approximate."""
    match document.content:
        case {"source": {"intrinsics_format": str(origin)}} if origin.startswith(PRESET):
            return origin
    return None


def _calibration(data: bytes) -> Calibration:
    document = parse(data)
    for format_ in FORMATS:
        if format_.recognises(document):
            intrinsics = format_.read(document)
            require_possible(intrinsics)
            return Calibration(intrinsics, _preset_of(document) or format_.NAME)
    tools = ", ".join(each.NAME for each in FORMATS if each is not unsupported)
    raise IntrinsicsError(f"not JSON and of no other known format: {tools}")
