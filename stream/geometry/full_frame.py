"""Rectifies whole frames into the planes that a video encoder takes."""

import av
import cv2
import numpy as np

from stream.geometry.camera import Camera
from stream.geometry.frame_format import FrameFormat
from stream.geometry.plane_remap import PlaneRemap, coded_frame
from stream.geometry.viewport import coded_view, source_map
from stream.pipeline.items import Float64, UInt8


class FullFrameRectifier:
    """Rectifies frames of one format; several threads may use it at once.

    Luma and chroma are remapped without conversion to RGB, so a frame's colour tags also hold for the result. Frames in
    other formats (10 bit, 4:2:2, RGB) are converted to 8-bit 4:2:0 first.
    """

    def __init__(
        self,
        frame_format: FrameFormat,
        camera: Camera | None,
        longest_px: int | None = None,
        *,
        clip_format: FrameFormat | None = None,
    ) -> None:
        """Compute the map.

        Args:
            frame_format: format of the frames, which may have another size than the camera, of the same aspect ratio.
            camera: for the upright pictures of the clip; None only turns them upright and scales them.
            longest_px: maximum for the longest side of the result; None for the clip's size.
            clip_format: format of the clip's first frame, whose size and colours the result has; None for this one.

        Raises:
            IntrinsicsError: no pixel of the picture is visible through this lens.
        """
        first = clip_format or frame_format
        clip_size, size = first.upright_size, frame_format.upright_size
        if camera is not None:
            clip_size = camera.width, camera.height
        view = coded_view(*clip_size, longest_px)
        resized = camera if camera is None or size == clip_size else camera.resized(*size)
        source = source_map(view.of_resized(clip_size, size), *size, resized)
        self.frame_format = frame_format
        own = frame_format.color
        self._recolor = None if first.color == own else own.to(first.color)
        self._remap = PlaneRemap(frame_format, source)
        self.width, self.height = view.width, view.height
        self.matrix: Float64 = view.matrix if camera is None else view.matrix @ camera.new_k
        """(3, 3) camera matrix of the result, pixels; without a camera, from the frame's pixels to the result's."""
        self.valid_fraction = source.valid_fraction
        """Fraction of the result that the camera recorded; the rest is black."""
        self.mask: UInt8 = np.where(source.valid, np.uint8(255), np.uint8(0))
        """(height, width) uint8, 255 where the camera recorded a pixel and 0 elsewhere."""

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Rectify a frame: a new upright ``yuv420p`` frame without time or colour tags."""
        if self._recolor is None:
            return self._remap.coded(frame)
        return coded_frame(np.asarray(cv2.transform(self._remap.ycbcr(frame), self._recolor), np.uint8))


class FullFrameRectifiers:
    """The rectifier of each frame of a clip whose format may change; all results have one size and one colour space."""

    def __init__(self, first: FullFrameRectifier, camera: Camera | None, longest_px: int | None = None) -> None:
        """Begin with the rectifier of the clip's first frame; camera and ``longest_px`` are those it was made with."""
        self._first, self._camera, self._longest_px = first, camera, longest_px
        self._latest = first

    def of(self, frame_format: FrameFormat) -> FullFrameRectifier:
        """The rectifier of frames of this format."""
        if frame_format != self._latest.frame_format:
            first = self._first.frame_format
            self._latest = (
                self._first
                if frame_format == first
                else FullFrameRectifier(frame_format, self._camera, self._longest_px, clip_format=first)
            )
        return self._latest
