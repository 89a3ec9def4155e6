"""Which way up a picture is, by its container's display matrix."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import av


def upright_deg(frame: "av.VideoFrame") -> int:
    """How far the decoded picture is turned counterclockwise to be upright: 0, 90, 180 or 270.

    Cameras write these; libav allows any angle, and the quarter turn nearest to it counts. A matrix that turns nothing,
    such as one of zeros, has no angle: what libav makes of it lies beyond half a turn, and counts as 0.
    """
    angle_deg = frame.rotation
    return round(angle_deg / 90) % 4 * 90 if -180 <= angle_deg <= 180 else 0
