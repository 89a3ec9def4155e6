"""Packets of a live source that are not decoded yet: bounded in bytes, and for a camera in age."""

import math
import time
from collections import deque
from collections.abc import Callable
from threading import Condition

from stream.pipeline.items import Packet, PacketsDropped, SourceEvent
from stream.sources.live.camera_clock import end_s

MOST_BYTES = 64 * 1024 * 1024
"""A minute of 8 Mb/s."""


class PacketBuffer:
    """A queue of packets from the thread that reads to the one that decodes.

    A source that can wait waits while the buffer is full. A camera cannot wait: while its oldest packet is older than
    ``max_lag_s`` or the buffer is too large, whole groups of pictures are dropped, from the oldest packet up to the
    next keyframe, and replaced by one ``PacketsDropped``. ``clock`` is the clock of ``Packet.arrived_at``.
    """

    def __init__(
        self, max_lag_s: float = math.inf, most_bytes: int = MOST_BYTES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_lag_s = max_lag_s
        self._most_bytes = most_bytes
        self._clock = clock
        self._items: deque[Packet | SourceEvent] = deque()
        self._bytes = 0
        self._dropped: PacketsDropped | None = None
        """Stands for the packets dropped before the oldest one."""
        self._headless = False
        """Whether the next packet continues a group of pictures whose beginning was dropped."""
        self._ended = False
        self._changed = Condition()

    def put(self, item: Packet | SourceEvent) -> None:
        """Append an item; for a source that can wait, block until there is room."""
        with self._changed:
            if isinstance(item, Packet) and item.arrived_at is None:
                self._changed.wait_for(lambda: self._ended or self._bytes < self._most_bytes)
            if self._headless and isinstance(item, Packet) and _continues(item):
                self._drop(item)
                return
            self._headless = False
            self._items.append(item)
            self._bytes += _size_bytes(item)
            self._drop_late()
            self._changed.notify_all()

    def take(self, timeout_s: float) -> Packet | SourceEvent | None:
        """The oldest item; None if none arrives within ``timeout_s`` seconds, or none will."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._ended, timeout_s)
            self._drop_late()
            if not self._items:
                return None
            if self._dropped is not None:
                dropped, self._dropped = self._dropped, None
                return dropped
            item = self._items.popleft()
            self._bytes -= _size_bytes(item)
            self._changed.notify_all()
            return item

    def end(self) -> None:
        """Nothing more will be put, or nothing more will be taken."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def exhausted(self) -> bool:
        """Whether the buffer is empty and will stay so."""
        return self._ended and not self._items

    def _drop_late(self) -> None:
        while self._items and self._is_late(self._items[0]):
            self._drop_first()
            while self._items and _continues(self._items[0]):
                self._drop_first()
            self._headless = not self._items

    def _is_late(self, item: Packet | SourceEvent) -> bool:
        if not isinstance(item, Packet) or item.arrived_at is None:
            return False
        return self._clock() - item.arrived_at > self._max_lag_s or self._bytes > self._most_bytes

    def _drop_first(self) -> None:
        item = self._items.popleft()
        self._bytes -= _size_bytes(item)
        if isinstance(item, Packet):
            self._drop(item)

    def _drop(self, packet: Packet) -> None:
        before = self._dropped.packets if self._dropped else 0
        until_s = end_s(packet.packet) + packet.offset_s
        self._dropped = PacketsDropped(until_s, before + 1, "decoding is too slow")


def _size_bytes(item: Packet | SourceEvent) -> int:
    return item.packet.size if isinstance(item, Packet) else 0


def _continues(item: Packet | SourceEvent) -> bool:
    """Whether the packet belongs to the same group of pictures as the one before it."""
    return isinstance(item, Packet) and not item.packet.is_keyframe
