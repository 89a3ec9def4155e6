"""From a decoded frame to the encoder frame and, now and then, the annotator's keyframe, by one fused remap each."""

from typing import TYPE_CHECKING, Literal

import av
import cv2

from stream.errors import EgocleanError
from stream.geometry.camera import Camera
from stream.geometry.frame_format import FrameFormat
from stream.geometry.remap import FusedRemap
from stream.geometry.viewport import ResizeMode, SourceMap, encoder_view, keyframe_view, source_map
from stream.pipeline.items import UInt8

if TYPE_CHECKING:
    from stream.geometry.remap_torch import TorchRemap

ENCODER_PX = 256
KEYFRAME_PX = 854
JPEG_QUALITY = 90


class FrameRemap:
    """Makes encoder frames and keyframes from decoded frames of one format."""

    def __init__(
        self,
        frame_format: FrameFormat,
        camera: Camera | None,
        *,
        clip_size: tuple[int, int] | None = None,
        encoder_px: int = ENCODER_PX,
        resize_mode: ResizeMode = "center-crop",
        keyframe_px: int = KEYFRAME_PX,
        device: str | None = None,
    ) -> None:
        """Compute the maps.

        Args:
            frame_format: format of the frames.
            camera: for the upright size of that format; None leaves frames unrectified.
            clip_size: width and height, in pixels, of the upright picture whose views are made, if the frames are that
                picture in another size: encoder frames and keyframes then have the same size as those of the clip.
            encoder_px: side of the encoder frame, pixels.
            resize_mode: how a picture becomes a square.
            keyframe_px: maximum for the longest side of a keyframe, pixels.
            device: torch device that remaps the frames; None for OpenCV on the CPU.
        """
        size = frame_format.upright_size
        clip_size = clip_size or size
        encoder_square = encoder_view(*clip_size, encoder_px, resize_mode).of_resized(clip_size, size)
        keyframe = keyframe_view(*clip_size, keyframe_px).of_resized(clip_size, size)
        encoder_source = source_map(encoder_square, *size, camera)
        keyframe_source = source_map(keyframe, *size, camera)
        self._frame_format = frame_format
        self._camera = camera
        self._resize_mode = resize_mode
        self._device = device
        self._encoder_map = _make_remap(frame_format, encoder_source, device)
        self._keyframe = _make_remap(frame_format, keyframe_source, device)
        self._valid_fractions = encoder_source.valid_fraction, keyframe_source.valid_fraction

    def encoder_frame(self, frame: av.VideoFrame) -> UInt8:
        """(encoder_px, encoder_px, 3) uint8 RGB; for a crop, that of the reference processor on the rectified frame."""
        return self._encoder_map(frame)

    def keyframe(self, frame: av.VideoFrame) -> UInt8:
        """(height, width, 3) uint8 RGB of the whole rectified frame."""
        return self._keyframe(frame)

    def facts(self) -> dict[str, object]:
        """Facts about the processing of pixels, for the record; JSON types only."""
        encoder_valid, picture_valid = self._valid_fractions
        return {
            **self._frame_format.facts(),
            "remapped_by": f"torch on {self._device}" if self._device else "opencv",
            "geometry": self._resize_mode,
            "tile_halvings": self._encoder_map.halvings,
            "tile_blur": [list(blur) for blur in self._encoder_map.blur],
            "tile_map_sha256": self._encoder_map.sha256(),
            "tile_valid_fraction": encoder_valid,
            "valid_fraction": picture_valid,
            **lens_facts(self._camera),
        }


def _make_remap(frame_format: FrameFormat, source: SourceMap, device: str | None) -> "FusedRemap | TorchRemap":
    if device is None:
        return FusedRemap(frame_format, source)
    from stream.geometry.remap_torch import TorchRemap

    return TorchRemap(frame_format, source, device)


def lens_facts(camera: Camera | None) -> dict[str, object]:
    """The camera, for the record."""
    if camera is None:
        return {"rectified": False}
    return {
        "rectified": True,
        "lens_model": camera.lens.model,
        "k": camera.k.tolist(),
        "d": camera.d.tolist(),
        "new_k": camera.new_k.tolist(),
        "theta_max_rad": camera.theta_max_rad,
        "fov_deg": list(camera.fov_deg),
    }


def encode_picture(rgb: UInt8, ending: Literal[".jpg", ".png"]) -> bytes:
    """Compress an (H, W, 3) uint8 RGB picture to JPEG or PNG."""
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if ending == ".jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 6]
    done, data = cv2.imencode(ending, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise EgocleanError(f"a picture of shape {rgb.shape} could not be compressed as {ending}")
    return data.tobytes()
