"""The fused remap: from a decoder's planes straight to a small rectified RGB picture.

Order matters: planes are halved by area averaging as far as the scale calls for, only where they are needed, and luma
is blurred a little where that is not far enough; luma and chroma are brought to one size and go through ONE remap;
colour is converted last, on the small picture. Lens, scale, crop and rotation are all in the map, and cost nothing.
"""

import hashlib
import threading
from typing import NamedTuple

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from stream.items import Float32, UInt8
from stream.video.color import Color, color_of
from stream.video.orientation import upright_deg
from stream.video.view import TRIANGLE_PX2, SourceMap

_ZERO_COPY = ("yuv420p", "yuvj420p")
_OUTSIDE = -2.0
"""A coordinate whose bilinear neighbours all lie outside the picture: it becomes the border's black."""


class Layout(NamedTuple):
    """All that a map depends on and that may change from one frame to the next."""

    width: int
    """Of the coded picture, pixels."""
    height: int
    pixel_format: str
    rotation_deg: int
    """Counterclockwise, what makes the coded picture upright; a multiple of 90."""
    colorspace: int
    color_range: int

    @property
    def quarter_turns(self) -> int:
        """Counterclockwise, 0 to 3."""
        return self.rotation_deg // 90 % 4

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height of the picture as it is shown."""
        return (self.height, self.width) if self.quarter_turns % 2 else (self.width, self.height)

    @property
    def zero_copy(self) -> bool:
        """Whether the planes are used as the decoder left them."""
        return self.pixel_format in _ZERO_COPY

    @property
    def color(self) -> Color:
        """How to read the planes; a converted frame keeps its tags."""
        return color_of(self.colorspace, self.color_range, self.pixel_format if self.zero_copy else "yuv420p")


def layout_of(frame: av.VideoFrame) -> Layout:
    """The layout of a decoded frame."""
    size, rotation_deg = (frame.width, frame.height), upright_deg(frame)
    return Layout(*size, frame.format.name, rotation_deg, int(frame.colorspace), int(frame.color_range))


class Roi(NamedTuple):
    """The part of the planes that a map uses, in pixels of the size at which the remap works."""

    left: int
    right: int
    top: int
    bottom: int

    def cut(self, plane: UInt8, level: int) -> UInt8:
        """View of this part in a plane ``level`` halvings above the working size; -1: one doubling below it."""
        if level < 0:
            return plane[self.top // 2 : (self.bottom + 1) // 2, self.left // 2 : (self.right + 1) // 2]
        return plane[self.top << level : self.bottom << level, self.left << level : self.right << level]


class FusedRemap:
    """Makes one view of every frame of one layout; several threads may use it at once."""

    def __init__(self, layout: Layout, source: SourceMap) -> None:
        self._layout = layout
        self._reformatter = VideoReformatter()
        self._reformatting = threading.Lock()  # swscale's context serves one thread at a time
        self._black = layout.color.black
        self._to_rgb = layout.color.to_rgb()
        self.halvings, self.sigma_px = antialiasing(source.blur_px2)
        """How often luma is halved before the remap, and by how much it is blurred after that."""
        width, height = layout.width >> self.halvings, layout.height >> self.halvings
        x, y = (_working(coordinate, self.halvings) for coordinate in _to_coded(layout, source))
        x, y = x.clip(0.0, width - 1), y.clip(0.0, height - 1)
        self._roi = Roi(*_span(x[source.valid], width), *_span(y[source.valid], height))
        x[source.valid] -= self._roi.left
        y[source.valid] -= self._roi.top
        x[~source.valid] = y[~source.valid] = _OUTSIDE
        self._map = cv2.convertMaps(x, y, cv2.CV_16SC2)

    def __call__(self, frame: av.VideoFrame) -> UInt8:
        """(height, width, 3) uint8 RGB of a frame of this layout; what the source does not show is black."""
        return np.asarray(cv2.transform(self.ycbcr(frame), self._to_rgb), np.uint8)

    def ycbcr(self, frame: av.VideoFrame) -> UInt8:
        """The same before its colour is converted: (height, width, 3) uint8, Y'CbCr as the frame's tags mean it."""
        luma, *chroma = self._planes(frame)
        working = [self._working_luma(luma), *(self._working_chroma(plane) for plane in chroma)]
        remapped = cv2.remap(
            cv2.merge(working),
            *self._map,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=self._black,
        )
        return np.asarray(remapped, np.uint8)

    def sha256(self) -> str:
        """Digest of the map as it is applied: fixed-point coordinates and interpolation weights."""
        return hashlib.sha256(b"".join(part.tobytes() for part in self._map)).hexdigest()

    def _planes(self, frame: av.VideoFrame) -> list[UInt8]:
        """Y, Cb, Cr as views into libav's buffers; formats other than 8-bit 4:2:0 are converted first."""
        if not self._layout.zero_copy:
            with self._reformatting:
                frame = self._reformatter.reformat(frame, format="yuv420p", threads=1)
        return [
            np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
            for plane in frame.planes
        ]

    def _working_luma(self, luma: UInt8) -> UInt8:
        halved = _halve(self._roi.cut(luma, self.halvings), self.halvings)
        return np.asarray(cv2.GaussianBlur(halved, (3, 3), self.sigma_px), np.uint8) if self.sigma_px else halved

    def _working_chroma(self, chroma: UInt8) -> UInt8:
        """Chroma has half of luma's size already: one halving less, or, beside full luma, one doubling.

        Its samples are taken to lie between luma's, as swscale does for frames that do not say where.
        """
        part = self._roi.cut(chroma, self.halvings - 1)
        if self.halvings:
            return _halve(part, self.halvings - 1)
        doubled = cv2.resize(part, (2 * part.shape[1], 2 * part.shape[0]), interpolation=cv2.INTER_LINEAR)
        roi = self._roi
        return np.asarray(doubled[: roi.bottom - roi.top, : roi.right - roi.left], np.uint8)


def antialiasing(blur_px2: float) -> tuple[int, float]:
    """How often to halve, and how much to blur after it, so that sampling blurs as much as an antialiased resize.

    Kernels whose variances are equal look nearly alike. After ``n`` halvings, ``k = 2^n``, linear interpolation has the
    variance ``k^2 / 6`` and the average of ``k`` pixels ``(k^2 - 1) / 12``; the rest is left to a blur of 3x3 pixels.

    Args:
        blur_px2: Variance to reach, source pixels squared.

    Returns:
        The number of halvings, and the sigma of the blur in pixels of the halved picture, 0 for none.
    """
    halvings = 0
    while _sampling_px2(halvings + 1) <= blur_px2:
        halvings += 1
    left_px2 = (blur_px2 - _sampling_px2(halvings)) / (1 << 2 * halvings)
    if left_px2 < 0.01:
        return halvings, 0.0
    # Of the weights (a, 1 - 2a, a) the variance is 2a, and a / (1 - 2a) = exp(-1 / (2 sigma^2)); flat at a = 1/3.
    side = min(left_px2 / 2.0, 0.32)
    return halvings, float(np.sqrt(-0.5 / np.log(side / (1.0 - 2.0 * side))))


def _sampling_px2(halvings: int) -> float:
    shrink = 1 << 2 * halvings
    return TRIANGLE_PX2 * shrink + (shrink - 1) / 12


def _to_coded(layout: Layout, source: SourceMap) -> tuple[Float32, Float32]:
    """From the upright picture to the coded one: the inverse of the counterclockwise quarter turns."""
    x, y = source.x, source.y
    last_x, last_y = layout.width - 1, layout.height - 1
    match layout.quarter_turns:
        case 1:
            return last_x - y, x
        case 2:
            return last_x - x, last_y - y
        case 3:
            return y, last_y - x
        case _:
            return x, y


def _working(coordinate: Float32, halvings: int) -> Float32:
    """The same place in a picture that has been halved so often."""
    return (coordinate + np.float32(0.5)) / np.float32(1 << halvings) - np.float32(0.5)


def _span(used: Float32, size: int) -> tuple[int, int]:
    """First and one past the last pixel that interpolation may touch, beginning at an even one: chroma's grid."""
    return max(0, int(used.min()) - 2) // 2 * 2, min(size, int(used.max()) + 4)


def _halve(plane: UInt8, times: int) -> UInt8:
    """Average 2x2 pixels, again and again: OpenCV has a fast path for exactly a half. An odd last line is dropped."""
    for _ in range(times):
        height, width = plane.shape[0] // 2, plane.shape[1] // 2
        halved = cv2.resize(plane[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
        plane = np.asarray(halved, np.uint8)
    return plane
