"""A sheet to choose a distance from: rows are frames, columns distances."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from stream.alignment.fill.frames import Origin
from stream.alignment.sheets.origins import holes_marked, origin_legend
from stream.alignment.sheets.sheet import PictureSheet, SheetRow, panel_size, resized
from stream.geometry.sheet_theme import SheetTheme
from stream.pipeline.items import UInt8

_PANEL_PX: Final = 420, 315


@dataclass(frozen=True, slots=True, eq=False)
class SweepRow:
    """One frame at every distance."""

    label: str
    source: UInt8
    """(H, W, 3) BGR."""
    aligned: Sequence[tuple[UInt8, UInt8]]
    """Picture, (H, W, 3) BGR, and origin, (H, W), at each distance."""


def sweep_sheet(
    title: str, settings: str, distances_m: Sequence[float], rows: Sequence[SweepRow], theme: SheetTheme, *, holes: bool
) -> UInt8:
    """The sheet, (H, W, 3) RGB; with ``holes``, holes have the colour of what filled them."""
    height, width = rows[0].aligned[0][1].shape
    panel_px = panel_size(width, height, _PANEL_PX)
    headings = ["Source", *(f"{distance_m:g} m" for distance_m in distances_m)]
    sheet = PictureSheet(title, settings, headings, origin_legend() if holes else [], panel_px, theme)
    return sheet.draw([_row(row, panel_px, holes=holes) for row in rows])


def _row(row: SweepRow, panel_px: tuple[int, int], *, holes: bool) -> SheetRow:
    pictures = [resized(row.source, panel_px)]
    captions = [""]
    for picture, origin in row.aligned:
        pictures.append(holes_marked(picture, origin, panel_px) if holes else resized(picture, panel_px))
        captions.append(f"{share(origin != Origin.REAL)} holes, {share(origin == Origin.BORROWED)} borrowed")
    return SheetRow(row.label, pictures, captions)


def share(mask: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]") -> str:
    """The share of true pixels, such as ``12.1%``."""
    return f"{float(np.mean(mask)):.1%}"
