"""A sheet of pictures in rows and columns, with headings above, a caption below each, and a legend of colours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from stream.geometry.sheet_text import write
from stream.geometry.sheet_theme import RgbColor, SheetTheme
from stream.pipeline.items import UInt8

_MARGIN_PX, _GAP_PX = 32, 16
_TITLE_PX, _HEADING_PX, _LABEL_PX, _CAPTION_PX, _LEGEND_PX = 84, 40, 34, 34, 30
_TITLE_FONT_PX, _HEADING_FONT_PX, _FONT_PX = 26, 20, 16
_SWATCH_PX: Final = 26, 16
"""Width and height of a colour in the legend."""


@dataclass(frozen=True, slots=True, eq=False)
class SheetRow:
    """Pictures side by side."""

    label: str
    """Above them."""
    pictures: Sequence[UInt8]
    """(H, W, 3) RGB each, all of the sheet's size."""
    captions: Sequence[str] = ()
    """Below each; none if empty."""


@dataclass(frozen=True, slots=True, eq=False)
class PictureSheet:
    """What is written around the rows."""

    title: str
    settings: str
    """The line below the title."""
    headings: Sequence[str]
    """Above each column."""
    legend: Sequence[tuple[str, UInt8]]
    """A text, and a swatch of ``swatch_size`` in its colour."""
    panel_px: tuple[int, int]
    """Width and height of each picture."""
    theme: SheetTheme

    def draw(self, rows: Sequence[SheetRow]) -> UInt8:
        """The sheet, (H, W, 3) RGB; the title is shortened to fit."""
        inner = max(len(self.headings) * (self.panel_px[0] + _GAP_PX) - _GAP_PX, self._narrowest_px())
        heights = [self._row_px(row) for row in rows]
        top = _MARGIN_PX + _TITLE_PX + _HEADING_PX
        total = top + sum(heights) + _LEGEND_PX * len(self.legend) + _MARGIN_PX
        sheet = np.full((total, inner + 2 * _MARGIN_PX, 3), self.theme.ground, np.uint8)
        title = fitted(self.title, inner, _TITLE_FONT_PX, 600)
        write(sheet, title, (_MARGIN_PX, _MARGIN_PX + 24), self.theme.text, _TITLE_FONT_PX, 600)
        write(sheet, self.settings, (_MARGIN_PX, _MARGIN_PX + 56), self.theme.faint, _FONT_PX, 400)
        for number, heading in enumerate(self.headings):
            write(sheet, heading, (self._column(number), top - 14), self.theme.text, _HEADING_FONT_PX, 600)
        for row, row_px in zip(rows, heights, strict=True):
            self._draw_row(sheet, row, top)
            top += row_px
        self._draw_legend(sheet, top)
        return sheet

    def _draw_row(self, sheet: UInt8, row: SheetRow, top: int) -> None:
        width, height = self.panel_px
        if row.label:
            write(sheet, row.label, (_MARGIN_PX, top + 20), self.theme.faint, _FONT_PX, 400)
            top += _LABEL_PX
        for number, picture in enumerate(row.pictures):
            x = self._column(number)
            sheet[top : top + height, x : x + width] = picture
        for number, caption in enumerate(row.captions):
            at = self._column(number), top + height + 22
            write(sheet, fitted(caption, width, _FONT_PX, 400), at, self.theme.text, _FONT_PX, 400)

    def _draw_legend(self, sheet: UInt8, top: int) -> None:
        across, down = _SWATCH_PX
        for number, (text, swatch) in enumerate(self.legend, 1):
            y = top + number * _LEGEND_PX
            sheet[y - 14 : y - 14 + down, _MARGIN_PX : _MARGIN_PX + across] = swatch
            write(sheet, text, (_MARGIN_PX + across + 12, y), self.theme.faint, _FONT_PX, 400)

    def _row_px(self, row: SheetRow) -> int:
        return (_LABEL_PX if row.label else 0) + self.panel_px[1] + (_CAPTION_PX if row.captions else 0) + _GAP_PX

    def _column(self, number: int) -> int:
        """Its left edge."""
        return _MARGIN_PX + number * (self.panel_px[0] + _GAP_PX)

    def _narrowest_px(self) -> int:
        """Width of the longest line that is not shortened."""
        legend_px = [_SWATCH_PX[0] + 12 + text_px(text, _FONT_PX, 400) for text, _ in self.legend]
        return max(text_px(self.settings, _FONT_PX, 400), *legend_px, 0)


def panel_size(width_px: int, height_px: int, longest: tuple[int, int]) -> tuple[int, int]:
    """Width and height of a picture that fits into ``longest``; it is not enlarged."""
    scale = min(1.0, longest[0] / width_px, longest[1] / height_px)
    return max(1, round(width_px * scale)), max(1, round(height_px * scale))


def resized(picture: UInt8, size_px: tuple[int, int], ground: int = 128) -> UInt8:
    """A (H, W, 3) BGR picture as (h, w, 3) RGB that fits into the size, centred on ``ground`` if its shape differs."""
    width, height = panel_size(picture.shape[1], picture.shape[0], size_px)
    rgb = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
    panel = np.full((size_px[1], size_px[0], 3), ground, np.uint8)
    top, left = (size_px[1] - height) // 2, (size_px[0] - width) // 2
    panel[top : top + height, left : left + width] = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
    return panel


def swatch(color: RgbColor) -> UInt8:
    """A colour for the legend, (h, w, 3) RGB."""
    return np.full((_SWATCH_PX[1], _SWATCH_PX[0], 3), color, np.uint8)


def swatch_size() -> tuple[int, int]:
    """Width and height of a colour in the legend, pixels."""
    return _SWATCH_PX


def fitted(text: str, width_px: int, size_px: int, weight: int) -> str:
    """A line that is not wider, shortened at its end."""
    shown = text
    while text_px(shown, size_px, weight) > width_px and len(shown) > 1:
        shown = shown.rstrip("…")[:-1] + "…"
    return shown


def text_px(text: str, size_px: int, weight: int) -> int:
    """Its width."""
    return write(np.zeros((1, 1, 3), np.uint8), text, (0, 0), (0, 0, 0), size_px, weight)
