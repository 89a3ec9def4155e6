"""A pinhole camera without distortion, such as a rectified picture's."""

from dataclasses import dataclass

from stream.pipeline.items import Float64


@dataclass(frozen=True, slots=True, eq=False)
class PinholeCamera:
    """The camera matrix and the size of the pictures that it belongs to; pixel centres have whole coordinates."""

    k: Float64
    """(3, 3) camera matrix, pixels."""
    width_px: int
    height_px: int
