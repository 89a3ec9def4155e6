"""The size, shape and depth of decoded pictures: what a clip may have, and what may change within it."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import av

MAX_SIDE_PX: Final = 16384
MAX_PIXELS: Final = 8192 * 4352
"""The largest picture of H.265 up to level 6.2 (ITU-T H.265, table A.8). A larger claim is a broken header: a
decoder holds a score of pictures, so a few kilobytes could take gigabytes."""
MAX_BITS: Final = 16
"""Bits of a sample. No camera has more, and libav converts only some such formats."""
ASPECT_TOLERANCE: Final = 0.01
"""Pictures of one aspect ratio in several sizes: 456x256 is 1920x1080 with rounded sides, 0.2 % off its aspect."""


def upright_deg(frame: "av.VideoFrame") -> int:
    """Counterclockwise rotation that makes the decoded picture upright: 0, 90, 180 or 270 degrees.

    Cameras write these into the container's display matrix; libav allows any angle, and the nearest quarter turn
    counts. For a matrix that is not a rotation, such as all zeros, libav gives more than half a turn: it counts as 0.
    """
    angle_deg = frame.rotation
    return round(angle_deg / 90) % 4 * 90 if -180 <= angle_deg <= 180 else 0


def upright_size(frame: "av.VideoFrame") -> tuple[int, int]:
    """Width and height of the picture as displayed, in pixels."""
    return (frame.height, frame.width) if upright_deg(frame) % 180 else (frame.width, frame.height)


def bit_depth(frame: "av.VideoFrame") -> int:
    """The most bits that a sample of the picture has, wherever its pixels are."""
    return max(component.bits for component in (frame.sw_format or frame.format).components)


def is_same_aspect(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes, in pixels, have the same aspect ratio but for rounded sides."""
    return abs(size[0] * other[1] / (size[1] * other[0]) - 1.0) <= ASPECT_TOLERANCE


def change_fault(frame: "av.VideoFrame", clip_size: tuple[int, int]) -> str:
    """The reason why a picture cannot stand in a clip whose pictures have ``clip_size`` upright; empty if it can.

    Another size of the same aspect ratio shows the same scene through the same lens, and any pixel format of up to
    ``MAX_BITS`` can be converted. Another aspect ratio fits neither the calibration nor the size of the keyframes.
    """
    size, bits = upright_size(frame), bit_depth(frame)
    if not is_same_aspect(size, clip_size):
        change = f"the picture changes from {clip_size[0]}x{clip_size[1]} to {size[0]}x{size[1]}"
        return f"{change}, another aspect ratio"
    if max(size) > MAX_SIDE_PX:
        return f"the picture changes to {size[0]}x{size[1]}: at most {MAX_SIDE_PX} pixels a side can be read"
    return f"the picture changes to samples of {bits} bits: at most {MAX_BITS} can be read" if bits > MAX_BITS else ""
