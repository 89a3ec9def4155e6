"""Colours for where pixels come from, drawn over the holes of a warped picture."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np

from stream.alignment.fill.frames import Origin
from stream.alignment.sheets.sheet import resized, swatch_size
from stream.geometry.sheet_theme import RgbColor
from stream.pipeline.items import UInt8

_STRIPES: Final[Mapping[Origin, tuple[RgbColor, RgbColor]]] = MappingProxyType(
    {Origin.BORROWED: ((32, 120, 220), (66, 150, 244)), Origin.GENERATED: ((224, 108, 0), (255, 148, 40))}
)
"""Two tones each, in stripes, which no picture has; blue and orange differ for the colour-blind, too."""
_MEANINGS: Final = {
    Origin.BORROWED: "hole, filled with real pixels of another frame",
    Origin.GENERATED: "hole, filled with generated pixels",
}
_STRIPE_PX: Final = 5


def holes_marked(picture: UInt8, origin: UInt8, size_px: tuple[int, int]) -> UInt8:
    """What the warp kept of a picture, with its holes in the colours of what filled them.

    Args:
        picture: (H, W, 3) BGR, of the target camera.
        origin: (H, W), values of ``Origin``.
        size_px: Width and height of the result, (h, w, 3) RGB.
    """
    panel = resized(picture, size_px).astype(np.float32)
    for kind in _STRIPES:
        mask = np.where(origin == kind, 255, 0).astype(np.uint8)
        share = resized(np.dstack([mask] * 3), size_px, ground=0).astype(np.float32) / 255
        panel += share * (_stripes(kind, size_px) - panel)
    return np.rint(panel).astype(np.uint8)


def origin_legend() -> Sequence[tuple[str, UInt8]]:
    """The meaning of each colour, and its swatch."""
    return [(text, _stripes(kind, swatch_size())) for kind, text in _MEANINGS.items()]


def _stripes(kind: Origin, size_px: tuple[int, int]) -> UInt8:
    """(h, w, 3) RGB diagonal stripes."""
    width, height = size_px
    which = (np.arange(height)[:, None] + np.arange(width)) // _STRIPE_PX % 2
    return np.asarray(np.array(_STRIPES[kind], np.uint8)[which], np.uint8)
