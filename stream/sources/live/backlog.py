"""What a live source has sent and nobody has decoded yet: bounded in bytes, and for a camera in age."""

import math
import time
from collections import deque
from collections.abc import Callable
from threading import Condition

from stream.pipeline.items import Packet
from stream.sources.live.camera_clock import end_s
from stream.video.packets import Dropped, empty_packet

MOST_BYTES = 64 * 1024 * 1024
"""A minute of 8 Mb/s."""


class Backlog:
    """Packets from the thread that reads to the one that decodes.

    A source that can wait waits when the backlog is full. A camera cannot: of it whole groups of pictures are dropped,
    from the oldest packet up to the next key picture, while the oldest is older than ``max_lag_s`` or the backlog is
    too large. A ``Dropped`` stands for them. ``clock`` is the one of ``Packet.arrived_at``.
    """

    def __init__(
        self, max_lag_s: float = math.inf, most_bytes: int = MOST_BYTES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_lag_s = max_lag_s
        self._most_bytes = most_bytes
        self._clock = clock
        self._packets: deque[Packet] = deque()
        self._bytes = 0
        self._dropped: Dropped | None = None
        """What was dropped before the oldest packet."""
        self._headless = False
        """What comes continues a group of which the beginning was dropped."""
        self._ended = False
        self._changed = Condition()

    def put(self, packet: Packet) -> None:
        """Add a packet; of a source that can wait, when there is room."""
        with self._changed:
            if packet.arrived_at is None and packet.packet.size:
                self._changed.wait_for(lambda: self._ended or self._bytes < self._most_bytes)
            if self._headless and _continues(packet):
                self._drop(packet)
                return
            self._headless = False
            self._packets.append(packet)
            self._bytes += packet.packet.size
            self._drop_late()
            self._changed.notify_all()

    def take(self, timeout_s: float) -> Packet | None:
        """The oldest packet; None if there is none within ``timeout_s``, or none will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._packets or self._ended, timeout_s)
            self._drop_late()
            if not self._packets:
                return None
            if self._dropped is not None:
                dropped, self._dropped = self._dropped, None
                return dropped
            packet = self._packets.popleft()
            self._bytes -= packet.packet.size
            self._changed.notify_all()
            return packet

    def end(self) -> None:
        """Nothing more is put, or nothing more will be taken."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def exhausted(self) -> bool:
        """Whether nothing is left and nothing will come."""
        return self._ended and not self._packets

    def _drop_late(self) -> None:
        while self._packets and self._is_late(self._packets[0]):
            self._drop_first()
            while self._packets and _continues(self._packets[0]):
                self._drop_first()
            self._headless = not self._packets

    def _is_late(self, packet: Packet) -> bool:
        if packet.arrived_at is None or not packet.packet.size:
            return False
        return self._clock() - packet.arrived_at > self._max_lag_s or self._bytes > self._most_bytes

    def _drop_first(self) -> None:
        packet = self._packets.popleft()
        self._bytes -= packet.packet.size
        self._drop(packet)

    def _drop(self, packet: Packet) -> None:
        before = self._dropped.packets if self._dropped else 0
        until_s = end_s(packet.packet) + packet.offset_s
        self._dropped = Dropped(empty_packet(), until_s=until_s, packets=before + 1, reason="decoding is too slow")


def _continues(packet: Packet) -> bool:
    """Whether the packet belongs to the group of pictures that the one before it belongs to."""
    return bool(packet.packet.size) and not packet.packet.is_keyframe
