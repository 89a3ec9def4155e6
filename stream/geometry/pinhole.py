"""A pinhole camera without distortion, such as a rectified picture's."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from stream.errors import IntrinsicsError
from stream.geometry.calibrations.document import parse
from stream.geometry.calibrations.matrix import Matrix, focal_and_centre, matrix_of
from stream.geometry.intrinsics import Intrinsics
from stream.geometry.lenses.pinhole import Pinhole
from stream.geometry.lenses.table import intrinsics_from
from stream.geometry.plausibility import require_possible
from stream.pipeline.items import Float64

_FLAT: Final = ("fx", "fy", "cx", "cy")
_DISTORTION: Final = ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2")


@dataclass(frozen=True, slots=True, eq=False)
class PinholeCamera:
    """The camera matrix and the size of the pictures that it belongs to; pixel centres have whole coordinates."""

    k: Float64
    """(3, 3) camera matrix, pixels."""
    width_px: int
    height_px: int

    @classmethod
    def from_intrinsics(cls, intrinsics: Intrinsics) -> "PinholeCamera":
        """The camera of a calibration.

        Raises:
            IntrinsicsError: its lens distorts, or no camera has such values.
        """
        if not isinstance(intrinsics, Pinhole) and np.any(intrinsics.d != 0.0):
            raise IntrinsicsError(f"the lens is {intrinsics.model}, but a pinhole camera is needed: rectify the video")
        require_possible(intrinsics)
        k = np.array([[intrinsics.fx, 0.0, intrinsics.cx], [0.0, intrinsics.fy, intrinsics.cy], [0.0, 0.0, 1.0]])
        return cls(k, intrinsics.image_width, intrinsics.image_height)

    @classmethod
    def from_values(cls, values: Mapping[str, object]) -> "PinholeCamera":
        """The camera of a JSON object, such as the file that ``rectify`` writes beside its video.

        It has ``fx``, ``fy``, ``cx`` and ``cy``, or a 3x3 matrix ``k``, in pixels; ``image_width`` and
        ``image_height``, or ``width`` and ``height``; and ``model``, if at all, ``pinhole``. Other keys are ignored.

        Raises:
            IntrinsicsError: a value is missing or out of range, or it is another kind of camera.
        """
        model = values.get("model", "pinhole")
        if model != "pinhole" or any(values.get(key) for key in _DISTORTION):
            lens = f"the model is {str(model)[:40]!r}" if model != "pinhole" else "the lens has distortion"
            raise IntrinsicsError(f"{lens}, but a pinhole camera is needed: rectify the video")
        flat: dict[str, object] = {"model": "pinhole", **{key: values[key] for key in _FLAT if key in values}}
        for key in ("width", "height"):
            size = values.get(f"image_{key}", values.get(key))
            if size is not None:
                flat[f"image_{key}"] = size
        if "k" in values:
            (fx, fy), (cx, cy) = focal_and_centre(_matrix(values["k"]), "k")
            flat |= {"fx": fx, "fy": fy, "cx": cx, "cy": cy}
        return cls.from_intrinsics(intrinsics_from(flat))

    @classmethod
    def from_file(cls, path: Path) -> "PinholeCamera":
        """The camera of a JSON file, as for ``from_values``.

        Raises:
            IntrinsicsError: the file cannot be read, or is no such camera.
        """
        try:
            content = parse(path.read_bytes()).content
        except OSError as error:
            raise IntrinsicsError(f"camera {path} cannot be read: {error.strerror}") from error
        except IntrinsicsError as error:
            raise IntrinsicsError(f"camera {path}: {error}") from error
        if content is None:
            raise IntrinsicsError(f"camera {path}: not a JSON object with fx, fy, cx, cy, image_width and image_height")
        try:
            return cls.from_values(content)
        except IntrinsicsError as error:
            raise IntrinsicsError(f"camera {path}: {error}") from error

    def values(self) -> dict[str, object]:
        """The JSON object that ``from_values`` reads."""
        (fx, _, cx), (_, fy, cy), _ = self.k.tolist()
        size = {"image_width": self.width_px, "image_height": self.height_px}
        return {"model": "pinhole", **size, "fx": fx, "fy": fy, "cx": cx, "cy": cy}

    def resized(self, width_px: int, height_px: int) -> "PinholeCamera":
        """The camera of the same pictures in another size; pixels scale about the picture's corner, at -0.5."""
        across, down = width_px / self.width_px, height_px / self.height_px
        scale = np.array([[across, 0.0, (across - 1.0) / 2.0], [0.0, down, (down - 1.0) / 2.0], [0.0, 0.0, 1.0]])
        return PinholeCamera(scale @ self.k, width_px, height_px)


def _matrix(rows: object) -> Matrix:
    """A 3x3 matrix as nested rows.

    Raises:
        IntrinsicsError: it is none.
    """
    match rows:
        case [[_, _, _], [_, _, _], [_, _, _]]:
            return matrix_of({"rows": 3, "cols": 3, "data": [value for row in rows for value in row]}, "k")
    raise IntrinsicsError("'k' is not a matrix of three rows of three numbers")
