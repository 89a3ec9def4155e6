"""A calibration sheet: a frame as recorded and rectified, side by side, with a straight grid over both."""

from typing import TypeAlias

import av
import cv2
import numpy as np
import numpy.typing as npt

from stream.geometry.camera import Camera
from stream.geometry.frame_format import frame_format_of
from stream.geometry.frame_remap import ENCODER_PX
from stream.geometry.remap import FusedRemap
from stream.geometry.viewport import SourceMap, Viewport, encoder_view, source_map
from stream.pipeline.items import Float64, UInt8

Color: TypeAlias = tuple[int, int, int]
"""R, G, B."""
_GROUND: Color = (22, 24, 28)
_TEXT: Color = (236, 238, 240)
_FAINT: Color = (150, 156, 164)
_SEEN: Color = (92, 214, 255)
_ENCODER_FRAME: Color = (255, 176, 64)
_HATCH: tuple[Color, Color] = ((52, 44, 58), (84, 66, 92))
_PANEL_PX = 900, 640
"""Maximum size of each picture."""
_MARGIN_PX, _TITLE_PX, _CAPTION_PX, _LEGEND_PX = 32, 64, 66, 52
_GRID_LINES = 8
"""Grid cells along the picture's height."""
_GRID_ALPHA = 0.32


class CalibrationSheet:
    """A frame before and after rectification, with the part of the result that was recorded."""

    def __init__(self, frame: av.VideoFrame, camera: Camera) -> None:
        """Rectify ``frame`` with ``camera``, which must be for its upright size."""
        frame_format = frame_format_of(frame)
        width, height = frame_format.upright_size
        self._scale = min(_PANEL_PX[0] / width, _PANEL_PX[1] / height)
        panel_w, panel_h = round(width * self._scale), round(height * self._scale)
        whole = Viewport(panel_w, panel_h, panel_w / width, panel_h / height)
        crop = encoder_view(width, height, ENCODER_PX)
        corners = np.array([[crop.left, crop.top], [crop.left + crop.width, crop.top + crop.height]])
        self._crop_corners = corners / [crop.scale_x, crop.scale_y] - 0.5
        self._maps = {
            _SEEN: source_map(whole, width, height, camera),
            _ENCODER_FRAME: source_map(crop, width, height, camera),
        }
        self._raw = FusedRemap(frame_format, source_map(whole, width, height, None))(frame)
        self._rectified = FusedRemap(frame_format, self._maps[_SEEN])(frame)
        self._size = f"{width} x {height}"
        across, down = camera.fov_deg
        self.summary = f"{across:.1f}° x {down:.1f}°  ·  {100 * self._maps[_SEEN].valid_fraction:.1f} % recorded"
        """Field of view and valid fraction of the rectified picture, as text."""
        self._font = cv2.FontFace("sans")

    def draw(self, title: str, settings: str) -> UInt8:
        """Draw the sheet: (H, W, 3) uint8 RGB."""
        height, width = self._raw.shape[:2]
        top = _MARGIN_PX + _TITLE_PX + _CAPTION_PX
        sheet = np.full((top + height + _LEGEND_PX + _MARGIN_PX, 2 * width + 3 * _MARGIN_PX, 3), _GROUND, np.uint8)
        self._write(sheet, title, (_MARGIN_PX, _MARGIN_PX + 28), _TEXT, 28, 600)
        for x, panel, heading, caption in (
            (_MARGIN_PX, self._raw_panel(), "As recorded", self._size),
            (2 * _MARGIN_PX + width, self._rectified_panel(), "Rectified", f"{self.summary}  ·  {settings}"),
        ):
            sheet[top : top + height, x : x + width] = panel
            self._write(sheet, heading, (x, top - 40), _TEXT, 22, 500)
            self._write(sheet, caption, (x, top - 14), _FAINT, 17, 400)
        self._legend(sheet, top + height + _LEGEND_PX - 12)
        return sheet

    def _raw_panel(self) -> UInt8:
        panel = _with_grid(self._raw)
        for color, source in self._maps.items():
            for outline in _outlines(source):
                self._outline(panel, outline, color)
        return panel

    def _rectified_panel(self) -> UInt8:
        shown = self._maps[_SEEN].valid[..., None]
        panel = _with_grid(np.where(shown, self._rectified, _hatching(*shown.shape[:2])))
        (left, top), (right, bottom) = self._crop_corners
        self._outline(panel, np.array([[left, top], [right, top], [right, bottom], [left, bottom]]), _ENCODER_FRAME)
        return panel

    def _outline(self, panel: UInt8, points: Float64, color: Color) -> None:
        """Draw a closed line through (N, 2) points, pixels of the full-size picture."""
        fixed = np.round(((points + 0.5) * self._scale - 0.5) * 16).astype(np.int32)
        cv2.polylines(panel, [fixed], isClosed=True, color=color, thickness=2, lineType=cv2.LINE_AA, shift=4)

    def _legend(self, sheet: UInt8, y: int) -> None:
        x = _MARGIN_PX
        for text, color in (
            ("edge of the rectified picture", _SEEN),
            ("the encoder frame", _ENCODER_FRAME),
            ("nothing recorded there", None),
        ):
            swatch = sheet[y - 14 : y + 2, x : x + 26]
            swatch[:] = _hatching(*swatch.shape[:2]) if color is None else color
            x = self._write(sheet, text, (x + 36, y), _FAINT, 17, 400) + 36

    def _write(self, sheet: UInt8, text: str, at: tuple[int, int], color: Color, size_px: int, weight: int) -> int:
        (x, _), _ = cv2.putText(sheet, text, at, color, self._font, size_px, weight)
        return x


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


def _hatching(height: int, width: int) -> UInt8:
    """(height, width, 3) diagonal stripes for areas without a picture."""
    stripes = (np.arange(height)[:, None] + np.arange(width)) // 8 % 2
    hatching: UInt8 = np.array(_HATCH, np.uint8)[stripes]
    return hatching


def _outlines(source: SourceMap) -> list[Float64]:
    """Outlines of the visible parts of a view in the source picture, each (N, 2) pixels."""
    contours, _ = cv2.findContours(source.valid.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    columns_rows: list[npt.NDArray[np.int32]] = [np.asarray(contour, np.int32)[:, 0] for contour in contours]
    return [np.stack([source.x[at[:, 1], at[:, 0]], source.y[at[:, 1], at[:, 0]]], axis=1) for at in columns_rows]
