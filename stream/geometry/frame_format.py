"""The format of a decoded frame: everything that its maps depend on, which may change between frames."""

from typing import NamedTuple

import av

from stream.geometry.color import Color, color_of
from stream.video.picture import upright_deg

_ZERO_COPY = ("yuv420p", "yuvj420p", "nv12")
_FROM_NVDEC = ("nv12", "p010le")


class FrameFormat(NamedTuple):
    """Size, pixel format, rotation and colour tags."""

    width: int
    """Width of the coded picture, pixels."""
    height: int
    pixel_format: str
    rotation_deg: int
    """Counterclockwise rotation that makes the coded picture upright; a multiple of 90."""
    colorspace: int
    color_range: int

    @property
    def quarter_turns(self) -> int:
        """Counterclockwise quarter turns, 0 to 3."""
        return self.rotation_deg // 90 % 4

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height of the picture as displayed."""
        return (self.height, self.width) if self.quarter_turns % 2 else (self.width, self.height)

    @property
    def may_be_on_device(self) -> bool:
        """Whether NVDEC gives this format; libav decodes what NVDEC cannot, and its formats are others."""
        return self.pixel_format in _FROM_NVDEC

    @property
    def zero_copy(self) -> bool:
        """Whether the decoder's planes are used without conversion."""
        return self.pixel_format in _ZERO_COPY

    @property
    def color(self) -> Color:
        """The color tags of the planes; a converted frame retains them."""
        return color_of(self.colorspace, self.color_range, self.pixel_format if self.zero_copy else "yuv420p")

    def facts(self) -> dict[str, object]:
        """The format for the record; JSON types only."""
        return {
            "width": self.upright_size[0],
            "height": self.upright_size[1],
            "rotation_deg": self.rotation_deg,
            "pixel_format": self.pixel_format,
            "colour_matrix": self.color.matrix,
            "colour_range": "full" if self.color.full_range else "limited",
        }


def frame_format_of(frame: av.VideoFrame) -> FrameFormat:
    """The format of a decoded frame."""
    pixels = (frame.sw_format or frame.format).name  # sw_format is set if the pixels are on a device
    return FrameFormat(
        frame.width, frame.height, pixels, upright_deg(frame), int(frame.colorspace), int(frame.color_range)
    )
