"""Packets as a camera sends them, without a camera."""

from collections.abc import Iterable
from fractions import Fraction
from typing import cast

import av

from stream.pipeline.items import Item, Packet

_CLOCK_HZ = 90_000


def packet(t_s: float, *, key: bool = False, ticks: int = 0, size: int = 10) -> "av.Packet[av.VideoStream]":
    """A thirtieth of a second of video at ``t_s`` of the camera's clock, moved by ``ticks``."""
    packet_ = cast("av.Packet[av.VideoStream]", av.Packet(bytes(size)))
    packet_.time_base = Fraction(1, _CLOCK_HZ)
    packet_.pts = packet_.dts = round(t_s * _CLOCK_HZ) + ticks
    packet_.duration = _CLOCK_HZ // 30
    packet_.is_keyframe = key
    return packet_


def group(t_s: float, arrived_at: float | None, frames: int = 10, size: int = 10) -> list[Packet]:
    """A key picture at ``t_s`` and those that refer to it; all arrive at once."""
    return [
        Packet(packet(t_s + number / 30, key=number == 0, size=size), arrived_at=arrived_at) for number in range(frames)
    ]


def times_s(items: Iterable[Item]) -> list[float]:
    """Where the packets among ``items`` stand on the time line, in seconds to the millisecond."""
    return [round((item.packet.pts or 0) / _CLOCK_HZ + item.offset_s, 3) for item in items if isinstance(item, Packet)]
