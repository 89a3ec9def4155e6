"""Packets whose pictures have not come yet: how a loss is detected that the decoder does not report."""

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import av

_MAX_PENDING = 512
"""More than any decoder holds back: 16 pictures by the standards, and one per thread."""


@dataclass(frozen=True, slots=True, order=True)
class PendingPacket:
    """A packet whose picture has not come; times in ticks of the stream."""

    pts: int
    duration: int = field(compare=False)


class PacketTracker:
    """Compares the packets sent to a decoder with the pictures that come out of it.

    A picture carries the PTS of its packet, and pictures come in the order of display. So when one comes, pending
    packets of an earlier PTS will never give a picture. In a stream whose PTS are not in the order of display (the
    first picture that goes back reveals it) that is known only at the end. Packets without PTS are merely counted.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._pending: list[PendingPacket] = []  # a heap: the earliest PTS first
        self._first_key_pts: int | None = None
        self._latest_pts: int | None = None
        self._in_order = True
        self._unplaced = 0

    @property
    def is_sound(self) -> bool:
        """Whether every packet so far has a PTS, and pictures come in its order."""
        return self._in_order and not self._unplaced

    def send(self, packet: "av.Packet[av.VideoStream]") -> list[PendingPacket]:
        """Expect a picture of the packet; return packets that no decoder would delay any longer, in order."""
        if packet.is_discard:  # cut away by an edit list: decoded, because others refer to it, and not shown
            return []
        if packet.pts is None:
            self._unplaced += 1
            return []
        if packet.is_keyframe and self._first_key_pts is None:
            self._first_key_pts = packet.pts
        if self._first_key_pts is not None and packet.pts < self._first_key_pts:
            return []  # a leading picture: it refers to what was cut off before it, and every decoder leaves it out
        heapq.heappush(self._pending, PendingPacket(packet.pts, packet.duration or 0))
        return [heapq.heappop(self._pending)] if len(self._pending) > _MAX_PENDING else []

    def receive(self, pts: int | None) -> list[PendingPacket]:
        """A picture of this PTS has come: return the earlier packets without one, in order."""
        if pts is None:
            self._unplaced -= 1
            return []
        self._in_order &= self._latest_pts is None or pts >= self._latest_pts
        self._latest_pts = pts
        lost = []
        while self._in_order and self._pending and self._pending[0].pts < pts:
            lost.append(heapq.heappop(self._pending))
        if (own := PendingPacket(pts, 0)) in self._pending:
            self._pending.remove(own)
            heapq.heapify(self._pending)
        return lost

    def close(self) -> tuple[list[PendingPacket], int]:
        """No more pictures come: return the pending packets, in order, and how many packets without PTS are pending."""
        pending, unplaced = sorted(self._pending), max(0, self._unplaced)
        self._begin()
        return pending, unplaced
