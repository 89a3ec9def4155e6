"""Text on a calibration sheet: in OpenCV 5's typeface, or in the strokes of OpenCV 4, which knows ASCII alone."""

from typing import Final

import cv2

from stream.geometry.sheet_theme import RgbColor
from stream.pipeline.items import UInt8

_HAS_TYPEFACES: Final = hasattr(cv2, "FontFace")
_ASCII: Final = str.maketrans({"°": " deg", "·": "-", "…": "..."})
_STROKE_SCALE_PER_PX: Final = 1 / 34
"""Letters of FONT_HERSHEY_SIMPLEX have about the size of the typeface's at this scale."""
_BOLD: Final = 600
"""Weight from which strokes are doubled."""


def write(sheet: UInt8, text: str, at: tuple[int, int], color: RgbColor, size_px: int, weight: int) -> int:
    """Write a line of text; returns the x where it ends, pixels.

    Args:
        sheet: (H, W, 3) uint8, written to.
        text: without line breaks.
        at: x and y of the baseline's start, pixels.
        color: in the order of the sheet's channels.
        size_px: size of the font.
        weight: 400 is regular, 600 is semibold.
    """
    if _HAS_TYPEFACES:
        (x, _), _ = cv2.putText(sheet, text, at, color, cv2.FontFace("sans"), size_px, weight)
        return x
    shown, font = text.translate(_ASCII), cv2.FONT_HERSHEY_SIMPLEX
    scale, strokes = size_px * _STROKE_SCALE_PER_PX, 2 if weight >= _BOLD else 1
    cv2.putText(sheet, shown, at, font, scale, color, strokes, cv2.LINE_AA)
    (width_px, _), _ = cv2.getTextSize(shown, font, scale, strokes)
    return at[0] + width_px
