"""A calibration sheet: frames as recorded and rectified, side by side, with a straight grid over both."""

from collections.abc import Sequence
from typing import Final

import av
import cv2
import numpy as np
import numpy.typing as npt

from stream.geometry.camera import Camera
from stream.geometry.frame_format import frame_format_of
from stream.geometry.frame_remap import ENCODER_PX
from stream.geometry.remap import FusedRemap
from stream.geometry.sheet_text import write
from stream.geometry.sheet_theme import RgbColor, SheetTheme
from stream.geometry.viewport import SourceMap, Viewport, encoder_view, source_map
from stream.pipeline.items import Float64, UInt8

_PANEL_PX: Final = 900, 640
"""Maximum size of each picture of a sheet of one frame."""
_SMALL_PANEL_PX: Final = 640, 480
"""The same for several frames."""
_MARGIN_PX, _TITLE_PX, _HEADING_PX, _LABEL_PX, _LEGEND_PX = 32, 84, 62, 36, 30
"""Around everything; for the title, the headings, the label above a row, and a line of the legend."""
_GRID_LINES: Final = 8
"""Grid cells along the picture's height."""
_GRID_ALPHA: Final = 0.32
_LEAST_HATCHING: Final = 0.0005
"""Share of the picture below which hatching cannot be noticed; it is 100.0 % recorded, too."""
_SWATCH_PX: Final = 16, 26
"""Height and width of a colour in the legend."""
_SWATCH_GAP_PX: Final = 12
_GRID_SWATCH: Final = 128
"""Grey behind the grid's white lines, which must show on a light ground, too."""


class CalibrationSheet:
    """Frames of one size before and after rectification, with the part of the result that was recorded."""

    def __init__(self, size: tuple[int, int], camera: Camera, theme: SheetTheme, *, is_small: bool = False) -> None:
        """Locate the views.

        Args:
            size: width and height of the frames' upright pictures, pixels.
            camera: for that size.
            theme: colours.
            is_small: whether panels are small, for several frames.
        """
        width, height = size
        longest = _SMALL_PANEL_PX if is_small else _PANEL_PX
        self._theme = theme
        self._scale = min(longest[0] / width, longest[1] / height)
        self._panel = round(width * self._scale), round(height * self._scale)
        whole = Viewport(*self._panel, self._panel[0] / width, self._panel[1] / height)
        crop = encoder_view(width, height, ENCODER_PX)
        corners = np.array([[crop.left, crop.top], [crop.left + crop.width, crop.top + crop.height]])
        self._crop_corners = corners / [crop.scale_x, crop.scale_y] - 0.5
        self._recorded = source_map(whole, width, height, None)
        self._rectified = source_map(whole, width, height, camera)
        self._edges = (
            (_outlines(self._rectified), theme.visible),
            (_outlines(source_map(crop, width, height, camera)), theme.encoder_frame),
        )
        self._size = f"{width} x {height}"
        across, down = camera.fov_deg
        recorded = f"{100 * self._rectified.valid_fraction:.1f} % recorded"
        self.summary = f"{across:.1f}° x {down:.1f}°  ·  {recorded}"
        """Field of view and valid fraction of the rectified picture, as text."""

    def draw(self, title: str, settings: str, rows: Sequence[tuple[str, av.VideoFrame]]) -> UInt8:
        """Draw the sheet: (H, W, 3) uint8 RGB.

        Args:
            title: above everything; shortened to fit.
            settings: the line below it.
            rows: a label, which may be empty, and a frame of this size for each row.
        """
        panel_w, panel_h = self._panel
        legend = self._legend()
        legend_w = _SWATCH_PX[1] + _SWATCH_GAP_PX + max(self._text_px(text, 17, 400) for text, _ in legend)
        inner_w = max(2 * panel_w + _MARGIN_PX, legend_w, self._text_px(settings, 17, 400))
        top = _MARGIN_PX + _TITLE_PX + _HEADING_PX
        row_hs = [(_LABEL_PX if label else 0) + panel_h + _MARGIN_PX // 2 for label, _ in rows]
        height = top + sum(row_hs) + _LEGEND_PX * len(legend) + _MARGIN_PX
        sheet = np.full((height, inner_w + 2 * _MARGIN_PX, 3), self._theme.ground, np.uint8)
        write(sheet, self._fitted(title, inner_w), (_MARGIN_PX, _MARGIN_PX + 28), self._theme.text, 28, 600)
        write(sheet, settings, (_MARGIN_PX, _MARGIN_PX + 60), self._theme.faint, 17, 400)
        self._draw_headings(sheet, top)
        for (label, frame), row_h in zip(rows, row_hs, strict=True):
            write(sheet, label, (_MARGIN_PX, top + _LABEL_PX - 12), self._theme.text, 17, 500)
            self._draw_panels(sheet, frame, top + row_h - _MARGIN_PX // 2)
            top += row_h
        self._draw_legend(sheet, legend, top)
        return sheet

    @property
    def _columns(self) -> tuple[int, int]:
        """Left edges of the panels."""
        return _MARGIN_PX, 2 * _MARGIN_PX + self._panel[0]

    def _draw_headings(self, sheet: UInt8, bottom: int) -> None:
        headings = ("As recorded", self._size), ("Rectified", self.summary)
        for x, (heading, caption) in zip(self._columns, headings, strict=True):
            write(sheet, heading, (x, bottom - 40), self._theme.text, 22, 500)
            write(sheet, caption, (x, bottom - 14), self._theme.faint, 17, 400)

    def _draw_panels(self, sheet: UInt8, frame: av.VideoFrame, bottom: int) -> None:
        width, height = self._panel
        panels = self._recorded_panel(frame), self._rectified_panel(frame)
        for x, panel in zip(self._columns, panels, strict=True):
            sheet[bottom - height : bottom, x : x + width] = panel

    def _recorded_panel(self, frame: av.VideoFrame) -> UInt8:
        panel = _with_grid(FusedRemap(frame_format_of(frame), self._recorded)(frame))
        for outlines, color in self._edges:
            for outline in outlines:
                self._outline(panel, outline, color)
        return panel

    def _rectified_panel(self, frame: av.VideoFrame) -> UInt8:
        rectified = FusedRemap(frame_format_of(frame), self._rectified)(frame)
        valid = self._rectified.valid[..., None]
        panel = _with_grid(np.where(valid, rectified, self._hatching(*valid.shape[:2])))
        (left, top), (right, bottom) = self._crop_corners
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        self._outline(panel, corners, self._theme.encoder_frame)
        return panel

    def _outline(self, panel: UInt8, points: Float64, color: RgbColor) -> None:
        """Draw a closed line through (N, 2) points, pixels of the full-size picture."""
        fixed = np.round(((points + 0.5) * self._scale - 0.5) * 16).astype(np.int32)
        cv2.polylines(panel, [fixed], isClosed=True, color=color, thickness=2, lineType=cv2.LINE_AA, shift=4)

    def _legend(self) -> list[tuple[str, UInt8]]:
        """A text and a swatch, (16, 26, 3) uint8 RGB, for all that is drawn."""
        height, width = _SWATCH_PX
        grid = np.full((height, width, 3), _GRID_SWATCH, np.uint8)
        grid[height // 2] = 255
        grid[:, width // 2] = 255
        legend = [
            ("edge of the rectified picture", np.full((height, width, 3), self._theme.visible, np.uint8)),
            (
                f"encoder frame: all that the encoder gets of a frame, as {ENCODER_PX} x {ENCODER_PX} pixels or fewer",
                np.full((height, width, 3), self._theme.encoder_frame, np.uint8),
            ),
            ("straight grid: edges that are straight in the world must be straight on the right", grid),
        ]
        missing = 1.0 - self._rectified.valid_fraction
        if missing >= _LEAST_HATCHING:
            text = f"not recorded by the camera: {100 * missing:.1f} % of the rectified picture"
            legend.append((text, self._hatching(height, width)))
        return legend

    def _draw_legend(self, sheet: UInt8, legend: Sequence[tuple[str, UInt8]], top: int) -> None:
        height, width = _SWATCH_PX
        for number, (text, swatch) in enumerate(legend, 1):
            y = top + number * _LEGEND_PX
            sheet[y - 14 : y - 14 + height, _MARGIN_PX : _MARGIN_PX + width] = swatch
            write(sheet, text, (_MARGIN_PX + width + _SWATCH_GAP_PX, y), self._theme.faint, 17, 400)

    def _hatching(self, height: int, width: int) -> UInt8:
        """(height, width, 3) diagonal stripes for areas without a picture."""
        stripes = (np.arange(height)[:, None] + np.arange(width)) // 8 % 2
        hatching: UInt8 = np.array(self._theme.hatching, np.uint8)[stripes]
        return hatching

    def _fitted(self, text: str, width_px: int) -> str:
        """A title that is not wider, shortened at its end."""
        shown = text
        while self._text_px(shown, 28, 600) > width_px and len(shown) > 1:
            shown = shown.rstrip("…")[:-1] + "…"
        return shown

    def _text_px(self, text: str, size_px: int, weight: int) -> int:
        return write(np.zeros((1, 1, 3), np.uint8), text, (0, 0), (0, 0, 0), size_px, weight)


def _with_grid(panel: UInt8) -> UInt8:
    """Draw the same straight grid over a panel, to compare the picture's edges with."""
    height, width = panel.shape[:2]
    lines = panel.copy()
    pitch = height / _GRID_LINES
    for y in np.arange(pitch / 2, height, pitch).astype(int):
        lines[y] = 255
    for x in np.arange((width / 2) % pitch, width, pitch).astype(int):
        lines[:, x] = 255
    return np.asarray(cv2.addWeighted(lines, _GRID_ALPHA, panel, 1.0 - _GRID_ALPHA, 0.0), np.uint8)


def _outlines(source: SourceMap) -> list[Float64]:
    """Outlines of the visible parts of a view in the source picture, each (N, 2) pixels."""
    contours, _ = cv2.findContours(source.valid.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    columns_rows: list[npt.NDArray[np.int32]] = [np.asarray(contour, np.int32)[:, 0] for contour in contours]
    return [np.stack([source.x[at[:, 1], at[:, 0]], source.y[at[:, 1], at[:, 0]]], axis=1) for at in columns_rows]
