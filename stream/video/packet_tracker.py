"""Packets whose pictures have not come yet: how a loss is detected that the decoder does not report."""

import heapq
from typing import TYPE_CHECKING, NamedTuple

from stream.video.nal_units import NalUnits, PacketHead

if TYPE_CHECKING:
    import av

_MAX_PENDING = 512
"""More than any decoder holds back: 16 pictures by the standards, and one per thread."""

CUT_OFF = "refers to pictures before the start of the stream"


class PendingPacket(NamedTuple):
    """A packet whose picture has not come; times in ticks of the stream. Packets are in order of display."""

    place: int
    """Its place in the order of display: its PTS, or a rank that is even for random access points and odd between."""
    number: int
    """0, 1, 2, ... in the order of decoding; each has its own, so nothing else decides the order."""
    end: int | None
    """Time at which its picture ends; None without timestamps."""
    duration: int
    reason: str = ""
    """Why it cannot give a picture, where that is known from the packet."""


class PacketTracker:
    """Compares the packets sent to a decoder with the pictures that come out of it.

    A picture carries the PTS of its packet, and pictures come in the order of display. So when one comes, pending
    packets of an earlier PTS will never give a picture. In a stream whose PTS are not in the order of display (the
    first picture that goes back reveals it) that is known only at the end.

    An H.265 packet without PTS is known by its number, which the decoder copies to the picture. A random access point
    is shown after all packets before it and after its own leading pictures, and before all others. So when it or one of
    these comes, packets that should have been shown before it are lost. For other codecs that is known only at the end.
    """

    def __init__(self, hevc: NalUnits | None = None, *, joins_midway: bool = False) -> None:
        """Set up.

        Args:
            hevc: Reads the packets of an H.265 stream; None for other codecs.
            joins_midway: Whether the stream, a camera's, began before its first packet: leading pictures of its first
                random access point are then no loss.
        """
        self._hevc = hevc
        self._joins_midway = joins_midway
        self._begin()

    def _begin(self) -> None:
        self._timed: list[PendingPacket] = []  # a heap: the earliest PTS first
        self._untimed: dict[int, PendingPacket] = {}  # by number
        self._sent = 0
        self._random_access_points = 0
        self._is_first_shown = True  # whether the first of these is shown, and not cut away by an edit list
        self._latest_pts: int | None = None
        self._in_order = True

    @property
    def is_sound(self) -> bool:
        """Whether every packet so far has a PTS, and pictures come in its order."""
        return self._in_order and not self._untimed

    def send(self, packet: "av.Packet[av.VideoStream]") -> list[PendingPacket]:
        """Expect a picture of the packet; return packets that no decoder would delay any longer, in order."""
        number, self._sent = self._sent, self._sent + 1
        head = None if self._hevc is None else self._hevc.head(bytes(packet))
        reason = self._reason(head)
        if head is not None and head.is_random_access:
            self._is_first_shown &= not packet.is_discard or self._random_access_points > 0
            self._random_access_points += 1
        if packet.is_discard and not (reason and self._is_first_shown):
            return []  # cut away by an edit list: decoded, because others refer to it, and not shown
        if reason and self._joins_midway:
            return []
        duration = packet.duration or 0
        if packet.pts is None:
            packet.opaque = None if head is None else number
            end = None if packet.dts is None else packet.dts + duration
            self._untimed[number] = PendingPacket(self._rank(head), number, end, duration, reason)
            return [self._untimed.pop(min(self._untimed))] if len(self._untimed) > _MAX_PENDING else []
        heapq.heappush(self._timed, PendingPacket(packet.pts, number, packet.pts + duration, duration, reason))
        return [heapq.heappop(self._timed)] if len(self._timed) > _MAX_PENDING else []

    def expects(self, frame: "av.VideoFrame") -> bool:
        """Whether the picture's packet was not given up before."""
        return frame.pts is not None or not isinstance(frame.opaque, int) or frame.opaque in self._untimed

    def receive(self, frame: "av.VideoFrame") -> list[PendingPacket]:
        """A picture has come: return the packets before it that will have none, in order."""
        if frame.pts is None:
            return self._receive_untimed(frame.opaque)
        self._in_order &= self._latest_pts is None or frame.pts >= self._latest_pts
        self._latest_pts = frame.pts
        lost: list[PendingPacket] = []
        while self._in_order and self._timed and self._timed[0].place < frame.pts:
            lost.append(heapq.heappop(self._timed))
        if self._timed and self._timed[0].place == frame.pts:
            heapq.heappop(self._timed)
        elif own := next((packet for packet in self._timed if packet.place == frame.pts), None):
            self._timed.remove(own)
            heapq.heapify(self._timed)
        return lost

    def _receive_untimed(self, number: object) -> list[PendingPacket]:
        if not isinstance(number, int):  # of another codec, or copied from a device without the number
            if self._untimed:
                del self._untimed[min(self._untimed.values()).number]
            return []
        own = self._untimed.pop(number, None)
        earlier = sorted(packet for packet in self._untimed.values() if own and packet.place < own.place)
        return [self._untimed.pop(packet.number) for packet in earlier]

    def close(self) -> list[PendingPacket]:
        """No more pictures come: return the pending packets, in order."""
        pending = [*sorted(self._timed), *sorted(self._untimed.values())]
        self._begin()
        return pending

    def _reason(self, head: PacketHead | None) -> str:
        return CUT_OFF if head is not None and head.is_skipped and self._random_access_points == 1 else ""

    def _rank(self, head: PacketHead | None) -> int:
        """The place of a packet without PTS; ranks of other codecs are all the same."""
        if head is None:
            return 0
        return 2 * self._random_access_points + (-1 if head.is_leading else 0 if head.is_random_access else 1)
