"""Conversion of Y'CbCr to RGB: the matrix and range of a frame's tags, and the resulting 3x4 matrix.

Tags are numbered as in ITU-T H.273, which libav uses. A frame without tags is taken as BT.601, limited range, as by
FFmpeg's swscale, OpenCV and decord at any picture size, and by the pipelines that encoders were trained with.
"""

from typing import NamedTuple

import numpy as np

from stream.pipeline.items import Float32

_KR_KB = {
    "bt709": (0.2126, 0.0722),
    "fcc": (0.30, 0.11),
    "bt601": (0.299, 0.114),
    "smpte240m": (0.212, 0.087),
    "bt2020nc": (0.2627, 0.0593),
}
"""Weights of red and blue in luma, ITU-T H.273 table 4."""
_MATRIX_OF_TAG = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020nc", 10: "bt2020nc"}
_FULL_RANGE_TAG = 2


class Color(NamedTuple):
    """The color tags for interpreting a frame's planes."""

    matrix: str
    full_range: bool

    @property
    def black(self) -> tuple[int, int, int]:
        """Y', Cb, Cr of black."""
        return (0 if self.full_range else 16, 128, 128)

    def to(self, other: "Color") -> Float32:
        """The (3, 4) affine map from 8-bit Y'CbCr of these tags to that of other ones."""
        into, out_of = (np.vstack([color.to_rgb(), [0.0, 0.0, 0.0, 1.0]]) for color in (self, other))
        return np.asarray((np.linalg.inv(out_of) @ into)[:3], np.float32)

    def to_rgb(self) -> Float32:
        """The (3, 4) affine map from 8-bit Y'CbCr to 8-bit R'G'B' (ITU-T H.273, equations 20 to 46)."""
        kr, kb = _KR_KB[self.matrix]
        kg = 1.0 - kr - kb
        linear = np.array(
            [
                [1.0, 0.0, 2.0 * (1.0 - kr)],
                [1.0, -2.0 * kb * (1.0 - kb) / kg, -2.0 * kr * (1.0 - kr) / kg],
                [1.0, 2.0 * (1.0 - kb), 0.0],
            ]
        )
        if not self.full_range:
            linear *= [255.0 / 219.0, 255.0 / 224.0, 255.0 / 224.0]
        return np.column_stack([linear, -linear @ self.black]).astype(np.float32)


def color_of(colorspace: int, color_range: int, pixel_format: str) -> Color:
    """Interpret a frame's tags. An unknown matrix is BT.601; an unknown range is limited, except for ``yuvj*``."""
    full = color_range == _FULL_RANGE_TAG or pixel_format.startswith("yuvj")
    return Color(_MATRIX_OF_TAG.get(colorspace, "bt601"), full)
