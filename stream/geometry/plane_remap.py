"""The remap of whole pictures for a video, whose luma and chroma stay as they are coded: 8-bit 4:2:0."""

import av
import cv2
import numpy as np
import numpy.typing as npt

from stream.geometry.frame_format import FrameFormat
from stream.geometry.remap import OUTSIDE, FusedRemap, pixels_of
from stream.geometry.viewport import SourceMap
from stream.pipeline.items import Float32, UInt8


class PlaneRemap(FusedRemap):
    """Makes one view, of even sides, as a frame for a video encoder.

    A view that is not reduced has each plane remapped in its own size: two thirds of the work of the fused remap, and
    chroma that is interpolated once. Positions are float32: of a single channel, OpenCV 5 then interpolates exactly,
    and twice as fast as at the fixed-point positions of the fused remap.
    """

    def __init__(self, frame_format: FrameFormat, source: SourceMap) -> None:
        super().__init__(frame_format, source)
        self._is_reduced = bool(self.halvings) or any(axis.taps > 1 for axis in self.blur)
        across, down = (_of_chroma(coordinate, source.valid) for coordinate in self.coordinates)
        rows, columns = (-(-side // 2) for side in (self._roi.bottom - self._roi.top, self._roi.right - self._roi.left))
        shown = _quarters(source.valid).sum(axis=0) >= 2
        self._luma_at = _outside_where_hidden(self.coordinates, source.valid)
        self._chroma_at = _outside_where_hidden((across.clip(0.0, columns - 1), down.clip(0.0, rows - 1)), shown)

    def coded(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The view of a frame of this format: a new ``yuv420p`` frame; what the source does not show is black."""
        if self._is_reduced:
            return coded_frame(self.ycbcr(frame))
        planes = self._planes(frame)
        height, width = self._luma_at[0].shape
        coded = av.VideoFrame(width, height, "yuv420p")
        maps = (self._luma_at, self._chroma_at, self._chroma_at)
        for level, plane, positions, black, target in zip(
            (0, -1, -1), planes, maps, self._black, coded.planes, strict=True
        ):
            cv2.remap(
                self._roi.cut(plane, level),
                *positions,
                cv2.INTER_LINEAR,
                dst=pixels_of(target, 1),
                borderMode=cv2.BORDER_CONSTANT,
                borderValue=(black,),
            )
        return coded


def coded_frame(ycbcr: UInt8) -> av.VideoFrame:
    """A (height, width, 3) uint8 Y'CbCr picture of even sides as a new ``yuv420p`` frame."""
    height, width = ycbcr.shape[:2]
    coded = av.VideoFrame(width, height, "yuv420p")
    pixels_of(coded.planes[0], 1)[:] = ycbcr[..., 0]
    for channel in (1, 2):
        target = pixels_of(coded.planes[channel], 1)
        cv2.resize(ycbcr[..., channel], (width // 2, height // 2), dst=target, interpolation=cv2.INTER_AREA)
    return coded


def _outside_where_hidden(at: tuple[Float32, Float32], shown: npt.NDArray[np.bool_]) -> tuple[Float32, Float32]:
    """Positions across and down, which are outside the picture where it shows nothing."""
    x, y = (np.where(shown, axis, np.float32(OUTSIDE)).astype(np.float32) for axis in at)
    return x, y


def _of_chroma(coordinate: Float32, valid: npt.NDArray[np.bool_]) -> Float32:
    """From luma's positions to those of chroma, whose samples are centred between luma's: (height / 2, width / 2)."""
    counts = np.maximum(_quarters(valid).sum(axis=0), 1)
    mean = _quarters(np.where(valid, coordinate, np.float32(0.0))).sum(axis=0) / counts
    return np.asarray((mean + 0.5) / 2.0 - 0.5, np.float32)


def _quarters(of_luma: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """(4, height / 2, width / 2): the four of luma around each of chroma."""
    return np.stack([of_luma[down::2, across::2] for down in (0, 1) for across in (0, 1)])
