"""Reading a live source: in a thread of its own, into a bounded buffer, until ``--duration-s`` or its end."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from stream.pipeline.items import Flush, Packet, SourceEvent
from stream.sources.live.backoff import Backoff
from stream.sources.live.camera_clock import CameraPosition, start_s
from stream.sources.live.camera_packets import CameraPackets
from stream.sources.live.packet_buffer import PacketBuffer
from stream.sources.live.source import LiveSource
from stream.video.container import open_stream
from stream.video.libav_thread import LibavThread
from stream.video.packets import packets

_TAKE_S = 0.1
"""The longest time between two items of ``LiveReader.packets``."""
_LEAVE_S = 1.0
"""How long the thread may take to disconnect; one that waits for an absent camera is abandoned."""


class LiveReader:
    """The packets of a live source, read in their own thread, so that a camera is read even while decoding stalls."""

    def __init__(
        self, source: LiveSource, since: CameraPosition | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``since``: where an earlier attempt at a run left a camera."""
        self._source = source
        self._since = since
        self._clock = clock
        self._leaving = threading.Event()
        self._buffer = PacketBuffer(source.options.lag_s, clock=clock)
        self._error: Exception | None = None
        self._thread = LibavThread(self._read, "live source")

    def packets(self) -> Iterator[Packet | SourceEvent | None]:
        """Packets and events, a ``Flush`` last; None whenever there is none yet. The thread ends with the iterator.

        Raises:
            SourceError: it cannot be read.
        """
        self._thread.start()
        try:
            yield from self._until_due()
        finally:
            self._leaving.set()
            self._buffer.end()
            self._thread.join(_LEAVE_S)
        if self._error is not None:
            raise self._error

    def _until_due(self) -> Iterator[Packet | SourceEvent | None]:
        """Items from the thread, up to ``duration_s``, which includes the time while a camera is disconnected."""
        duration_s = self._source.options.duration_s or math.inf
        first_s = began_at = None
        while not self._buffer.exhausted:
            packet = self._buffer.take(_TAKE_S)
            if isinstance(packet, Packet):
                t_s = start_s(packet.packet) + packet.offset_s
                first_s, began_at = (t_s, self._clock()) if first_s is None else (first_s, began_at)
                if t_s - first_s >= duration_s:
                    break
            if packet is None and self._is_away_since(began_at, duration_s):
                break
            yield packet
        if self._error is None:
            yield Flush()

    def _is_away_since(self, began_at: float | None, duration_s: float) -> bool:
        if began_at is None or not self._source.is_camera:
            return False
        return self._clock() - began_at >= duration_s

    def _read(self) -> None:
        try:
            for packet in self._arriving():
                if self._leaving.is_set():
                    return
                self._buffer.put(packet)
        except Exception as error:  # noqa: BLE001 - it belongs to whoever takes the packets
            self._error = error
        finally:
            self._buffer.end()

    def _arriving(self) -> Iterator[Packet | SourceEvent]:
        if self._source.is_camera:
            options = self._source.options
            yield from CameraPackets(
                lambda: open_stream(self._source),
                Backoff(options.reconnect_timeout_s or math.inf, wait=self._leaving.wait),
                has_end=self._source.has_end,
                read_timeout_s=options.read_timeout_s,
                since=self._since,
            )
        elif math.isfinite(self._source.options.lag_s):
            for item in packets(self._source):
                yield replace(item, arrived_at=self._clock()) if isinstance(item, Packet) else item
        else:
            yield from packets(self._source)
