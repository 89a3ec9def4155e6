"""The packets of a clip's video stream, on one line of time, and what the container names but does not hold."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, cast

from stream.items import Packet
from stream.video.container import open_stream
from stream.video.source import Source

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.index import IndexEntries

_THREADED_FROM_PX = 640 * 480
"""Below it a second decoding thread costs more than it gives."""

_CLOCK_RESTART_S = 1.0
"""Decode times never go back within a stream; where they do, by more than a jitter, a second stream was joined on."""


@dataclass(frozen=True, slots=True)
class Flush(Packet):
    """The packet without data after which decoding begins anew, and what the demuxer knows to be lost before it."""

    lost_packets: int = 0
    """Those that the container's index names and that never came; 1 where it has none and breaks off in an error."""
    lost_until_s: float | None = None
    """Where they would have ended: PTS in seconds plus ``offset_s``; None if nothing says."""
    reason: str = ""
    """Why, if anything is lost."""


def packets(source: Source, *, loop: bool = False) -> Iterator[Packet]:
    """The packets of the clip's video stream in the order of decoding, and a ``Flush`` at the end.

    An error of the demuxer ends the stream there, and the ``Flush`` says so. With ``loop`` the clip is read again after
    each round, for ever, and ``offset_s`` grows by the round's length. Where decode times go back by more than a second
    (files joined byte by byte, a camera that started anew), a ``Flush`` parts the two and ``offset_s`` lets time go on.

    The clip is open while packets are taken, and closed with the generator; a packet may be kept for longer.

    Raises:
        SourceError: as ``stream.video.container.open_stream``.
    """
    line_end_s = yield from _round(source, None)
    while loop:
        line_end_s = yield from _round(source, line_end_s)


def _round(source: Source, begins_s: float | None) -> Generator[Packet, None, float]:
    """One reading of the clip, put on the line at ``begins_s``; returns where it ends there."""
    import av

    flush = cast("av.Packet[av.VideoStream]", av.Packet())  # without data it belongs to no stream
    stretch: _Stretch | None = None
    error_text = ""
    with open_stream(source) as (container, stream):
        stream.thread_type, stream.thread_count = "AUTO", 0 if stream.width * stream.height > _THREADED_FROM_PX else 1
        try:
            for packet in container.demux(stream):
                if packet.size == 0:  # codes nothing; to a decoder it would be the end
                    continue
                if stretch is None:
                    stretch = _Stretch(packet, begins_s)
                elif stretch.is_before(packet):
                    yield Flush(flush, stretch.offset_s)
                    stretch = _Stretch(packet, stretch.end_s)
                stretch.add(packet)
                yield Packet(packet, stretch.offset_s)
        except (av.FFmpegError, OSError) as error:
            error_text = error.strerror or str(error)
        last = _last_flush(flush, stretch, container, stream, error_text)
        yield last
    line_end_s = stretch.end_s if stretch else begins_s or 0.0
    return max(line_end_s, last.lost_until_s or line_end_s)


class _Stretch:
    """How far the packets between two flushes have come, in ticks of the stream; they share one clock."""

    def __init__(self, first: "av.Packet[av.VideoStream]", begins_s: float | None) -> None:
        self._tick_s = first.time_base
        start = _pts(first)
        self.offset_s = 0.0 if begins_s is None else begins_s - float(start * self._tick_s)
        self._lead = 0 if first.dts is None else start - first.dts  # from decoding to display, the same all along
        self._last_dts = first.dts
        self._last_pts = self._end = start
        self._duration = 0

    @property
    def end_s(self) -> float:
        return self.offset_s + float(self._end * self._tick_s)

    def is_before(self, packet: "av.Packet[av.VideoStream]") -> bool:
        """Whether the packet's clock has started anew since this stretch."""
        if packet.dts is None or self._last_dts is None:
            return False
        return (self._last_dts - packet.dts) * self._tick_s > _CLOCK_RESTART_S

    def add(self, packet: "av.Packet[av.VideoStream]") -> None:
        self._last_dts = packet.dts
        self._last_pts = max(self._last_pts, _pts(packet))
        self._duration = packet.duration or 0
        self._end = max(self._end, _pts(packet) + self._duration)

    def missing(self, index: "IndexEntries", *, of_decode_times: bool) -> tuple[int, float]:
        """How many packets the index names after the last that came, and where they would have ended."""
        reached = self._last_dts if of_decode_times and self._last_dts is not None else self._last_pts
        late = list(takewhile(lambda entry: entry.timestamp > reached, (index[-1 - n] for n in range(len(index)))))
        count = sum(not entry.is_discard for entry in late)
        if count == 0:
            return 0, self.end_s
        end = late[0].timestamp + (self._lead if of_decode_times else 0) + self._duration
        return count, self.offset_s + float(end * self._tick_s)


def _pts(packet: "av.Packet[av.VideoStream]") -> int:
    return next((ticks for ticks in (packet.pts, packet.dts) if ticks is not None), 0)


def _last_flush(
    flush: "av.Packet[av.VideoStream]",
    stretch: _Stretch | None,
    container: "InputContainer",
    stream: "av.VideoStream",
    error_text: str,
) -> Flush:
    breaks_off = f"the container breaks off: {error_text}" if error_text else "the container is truncated"
    if stretch is None:
        return Flush(flush, 0.0, len(stream.index_entries), None, breaks_off)
    by_dts = "mov" in container.format.name  # its index is of decode times, that of all others of presentation times
    lost, until_s = stretch.missing(stream.index_entries, of_decode_times=by_dts)
    if lost:
        return Flush(flush, stretch.offset_s, lost, until_s, f"{breaks_off}, its index names {lost} packets more")
    return Flush(flush, stretch.offset_s, 1, None, breaks_off) if error_text else Flush(flush, stretch.offset_s)
