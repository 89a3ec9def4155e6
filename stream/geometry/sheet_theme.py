"""The colours of a calibration sheet, on a light or a dark ground."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

RgbColor: TypeAlias = tuple[int, int, int]
"""R, G, B, 0 to 255."""


@dataclass(frozen=True, slots=True)
class SheetTheme:
    """The colours of one sheet."""

    ground: RgbColor
    text: RgbColor
    faint: RgbColor
    """Captions and the legend."""
    visible: RgbColor
    """Edge of the rectified picture in the recorded one."""
    encoder_frame: RgbColor
    hatching: tuple[RgbColor, RgbColor]
    """Stripes where the camera recorded nothing."""


SHEET_THEMES: Final[Mapping[str, SheetTheme]] = MappingProxyType(
    {
        "dark": SheetTheme(
            ground=(22, 24, 28),
            text=(236, 238, 240),
            faint=(150, 156, 164),
            visible=(92, 214, 255),
            encoder_frame=(255, 176, 64),
            hatching=((52, 44, 58), (84, 66, 92)),
        ),
        "light": SheetTheme(
            ground=(255, 255, 255),
            text=(20, 22, 26),
            faint=(92, 98, 106),
            visible=(0, 150, 220),
            encoder_frame=(240, 120, 0),
            hatching=((238, 234, 242), (208, 198, 216)),
        ),
    }
)
"""By name; the first is the default."""
