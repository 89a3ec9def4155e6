"""The fused remap, from a decoder's planes directly to a small rectified RGB picture.

The order matters. The needed part of the planes is halved by area averaging as often as the scale allows, and luma is
blurred slightly to make up for the rest. Luma and chroma are brought to one size and go through ONE remap. Colour is
converted last, on the small picture. Lens, scale, crop and rotation are all part of the map and cost nothing extra.
"""

import hashlib
import threading

import av
import cv2
import numpy as np
from av.video.plane import VideoPlane
from av.video.reformatter import VideoReformatter

from stream.geometry.frame_format import FrameFormat
from stream.geometry.sampling_plan import BlurKernel, is_wide_blur, plan_sampling
from stream.geometry.viewport import SourceMap
from stream.pipeline.items import UInt8

OUTSIDE = -2.0
"""A coordinate whose bilinear neighbours are all outside the picture, so that it becomes the border's black."""


class FusedRemap:
    """Makes one view of frames of one format; several threads may use it at once."""

    def __init__(self, frame_format: FrameFormat, source: SourceMap) -> None:
        self._frame_format = frame_format
        self._reformatter = VideoReformatter()
        self._reformatting = threading.Lock()  # swscale's context serves one thread at a time
        self._black = frame_format.color.black
        self._to_rgb = frame_format.color.to_rgb()
        self.halvings, self.blur, self._roi, x, y = plan_sampling(frame_format, source)
        """Number of halvings of luma before the remap, and its blur across and down afterwards."""
        self._blurs_chroma = is_wide_blur(self.blur)
        self.coordinates = x.copy(), y.copy()
        x[~source.valid] = y[~source.valid] = OUTSIDE
        self._map = cv2.convertMaps(x, y, cv2.CV_16SC2)

    def __call__(self, frame: av.VideoFrame) -> UInt8:
        """(height, width, 3) uint8 RGB of a frame of this format; pixels that the source does not show are black."""
        return np.asarray(cv2.transform(self.ycbcr(frame), self._to_rgb), np.uint8)

    def ycbcr(self, frame: av.VideoFrame) -> UInt8:
        """The same before colour conversion: (height, width, 3) uint8 Y'CbCr, according to the frame's tags."""
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
        if not self._frame_format.zero_copy:
            with self._reformatting:
                frame = self._reformatter.reformat(frame, format="yuv420p", threads=1)
        if frame.format.name == "nv12":
            luma, chroma = (pixels_of(frame.planes[0], 1), pixels_of(frame.planes[1], 2))
            return [luma, chroma[:, 0::2], chroma[:, 1::2]]
        return [pixels_of(plane, 1) for plane in frame.planes]

    def _working_luma(self, luma: UInt8) -> UInt8:
        return _blurred(_halve(self._roi.cut(luma, self.halvings), self.halvings), self.blur)

    def _working_chroma(self, chroma: UInt8) -> UInt8:
        """Chroma is already half of luma's size: it is halved once less, or doubled if luma is not halved.

        Its samples are assumed to be centred between luma's, as swscale does for frames without a chroma location. A
        narrow blur has no visible effect on chroma and is omitted.
        """
        part = self._roi.cut(chroma, self.halvings - 1)
        if self.halvings:
            halved = _halve(part, self.halvings - 1)
            return _blurred(halved, self.blur) if self._blurs_chroma else halved
        doubled = cv2.resize(part, (2 * part.shape[1], 2 * part.shape[0]), interpolation=cv2.INTER_LINEAR)
        roi = self._roi
        return np.asarray(doubled[: roi.bottom - roi.top, : roi.right - roi.left], np.uint8)


def pixels_of(plane: VideoPlane, channels: int) -> UInt8:
    """(height, width * channels) view of a plane's samples."""
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width * channels]


def _blurred(plane: UInt8, blur: tuple[BlurKernel, BlurKernel]) -> UInt8:
    across, down = blur
    if across.taps == down.taps == 1:
        return plane
    blurred = cv2.GaussianBlur(plane, (across.taps, down.taps), across.sigma_px, sigmaY=down.sigma_px)
    return np.asarray(blurred, np.uint8)


def _halve(plane: UInt8, times: int) -> UInt8:
    """Average 2x2 pixels ``times`` times; OpenCV has a fast path for exactly a half. An odd last line is dropped."""
    for _ in range(times):
        height, width = plane.shape[0] // 2, plane.shape[1] // 2
        halved = cv2.resize(plane[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
        plane = np.asarray(halved, np.uint8)
    return plane
