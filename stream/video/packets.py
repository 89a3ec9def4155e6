"""Reads the packets of a video stream on one timeline, and reports packets that the container lists but lacks."""

from collections.abc import Generator
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from stream.pipeline.items import Flush, Packet
from stream.sources.source import Source
from stream.video.container import demuxed, open_stream
from stream.video.nal_units import NalUnits, OwnParameterSets
from stream.video.seek_points import SeekPoint
from stream.video.truncation import is_cut_off

if TYPE_CHECKING:
    import av
    from av.codec.hwaccel import HWAccel
    from av.container import InputContainer
    from av.index import IndexEntries

THREADED_FROM_PX = 640 * 480
"""Smaller pictures take less than a millisecond on one thread; more would cost CPU time that other stages need."""

_CLOCK_RESTART_S = 1.0
"""Decode times never go back within a stream; where they do, by more than a jitter, a second stream was joined on."""

_INDEXED = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
"""libav's demuxers that go to a packet by the container's index, and give it as they do on the way from the start."""

_MOST_SKIPPED = 1024
"""Packets between where libav goes and where it was to go: the index of a Matroska file may name few of its packets."""


def decode_threads(stream: "av.VideoStream") -> None:
    """Let large pictures be decoded by several threads."""
    stream.thread_type, stream.thread_count = "AUTO", 0 if stream.width * stream.height > THREADED_FROM_PX else 1


def packets(
    source: Source,
    *,
    loop: bool = False,
    hwaccel: "HWAccel | None" = None,
    start: SeekPoint | None = None,
) -> Generator[Packet | Flush, None, None]:
    """The packets of the clip's video stream in the order of decoding, and a ``Flush`` at the end.

    If the demuxer fails, the stream ends there, and the ``Flush`` has the reason, as for a file that was cut off.
    With ``loop`` the clip is read again after each round, endlessly; ``offset_s`` grows by the round's length. Where
    decode times go back by more than a second (files joined byte by byte, a camera that was restarted), a ``Flush``
    separates the two, and ``offset_s`` makes time continue.

    With ``hwaccel`` the packets' own codec context decodes on that device. With ``start`` they begin with the packet of
    that seek point, where the container leads to it; else at the clip's start.

    The clip is open while packets are taken, and closed with the generator; a packet may be kept for longer.

    Raises:
        SourceError: as ``stream.video.container.open_stream``.
    """
    if start is not None and not leads_to(source, start):
        start = None
    offset_s = yield from _round(source, 0.0, hwaccel, start)
    while loop:
        offset_s = yield from _round(source, offset_s, hwaccel)


def leads_to(source: Source, seek_point: SeekPoint) -> bool:
    """Whether the packet of a seek point can be found without reading the clip up to it.

    Raises:
        SourceError: as ``stream.video.container.open_stream``.
    """
    import av

    with open_stream(source) as (container, stream):
        try:
            container.seek(seek_point.pts, stream=stream)
            return any(
                _is_packet_of(seek_point, packet) for packet in islice(demuxed(container, stream), _MOST_SKIPPED)
            )
        except (av.FFmpegError, OSError):
            return False


def _round(
    source: Source, offset_s: float, hwaccel: "HWAccel | None", start: SeekPoint | None = None
) -> Generator[Packet | Flush, None, float]:
    """One reading of the clip; returns the offset with which the next one follows without a gap."""
    import av

    first = stretch = _Stretch(offset_s)
    next_is_corrupt, error_text = False, ""
    with open_stream(source, hwaccel) as (container, stream):
        decode_threads(stream)
        enters = stream.codec_context.name == "hevc" and container.format.name in _INDEXED
        parameter_sets = OwnParameterSets(NalUnits(stream.codec_context.extradata))
        try:
            if start is not None:
                _jump(container, stream, start, stretch)
            for packet in demuxed(container, stream):
                if packet.size == 0:  # codes nothing; a decoder would take it for the end
                    continue
                if start is not None and not _is_packet_of(start, packet):
                    continue
                start = None
                if container.format.name == "mpegts":  # the parser there puts the mark on the packet before
                    packet.is_corrupt, next_is_corrupt = next_is_corrupt, packet.is_corrupt
                if stretch.is_left_by(packet):
                    yield Flush()
                    stretch = _Stretch(stretch.end_s - (_ticks(packet) or 0) * float(packet.time_base))
                stretch.add(packet)
                is_entry = enters and parameter_sets.allow_entry(bytes(packet)) and stretch is first
                yield Packet(packet, stretch.offset_s, is_entry)
        except (av.FFmpegError, OSError) as error:
            error_text = error.strerror or str(error)
        if not error_text and is_cut_off(source, container.format.name):
            error_text = "the file was cut off"
        last = _last_flush(stretch, container, stream, error_text)
        yield last
    return max(stretch.end_s, last.lost_until_s or stretch.end_s) - first.start_s


def _jump(container: "InputContainer", stream: "av.VideoStream", seek_point: SeekPoint, stretch: "_Stretch") -> None:
    """Go to a packet's neighbourhood; the clip's first packet still decides where its time begins."""
    for packet in demuxed(container, stream):
        stretch.add(packet)
        if stretch.has_begun:
            break
    container.seek(seek_point.pts, stream=stream)


def _is_packet_of(seek_point: SeekPoint, packet: "av.Packet[av.VideoStream]") -> bool:
    return (packet.pts, packet.pos) == (seek_point.pts, seek_point.position)


class _Stretch:
    """The extent of the packets between two flushes, which share one clock."""

    def __init__(self, offset_s: float) -> None:
        self.offset_s = offset_s
        self._tick_s = 0.0
        self._start: int | None = None  # in ticks of the stream, as all that follow
        self._end = 0
        self._last_pts = 0
        self._last_dts: int | None = None
        self._lead = 0  # from the decoding to the display of the first packet, and so of all
        self._duration = 0

    @property
    def has_begun(self) -> bool:
        """Whether a packet that is shown has arrived."""
        return self._start is not None

    @property
    def start_s(self) -> float:
        """The first PTS, on the packets' own clock."""
        return (self._start or 0) * self._tick_s

    @property
    def end_s(self) -> float:
        """The latest end of a packet, with the offset."""
        return self._end * self._tick_s + self.offset_s

    def is_left_by(self, packet: "av.Packet[av.VideoStream]") -> bool:
        """Whether the packets' clock was restarted since the last packet."""
        if packet.dts is None or self._last_dts is None:
            return False
        return (self._last_dts - packet.dts) * self._tick_s > _CLOCK_RESTART_S

    def add(self, packet: "av.Packet[av.VideoStream]") -> None:
        self._tick_s = self._tick_s or float(packet.time_base)  # all packets of a stream have the same
        self._last_dts, self._duration = packet.dts, packet.duration or 0
        if packet.is_discard:  # cut away by an edit list: decoded and not shown
            return
        ticks = _ticks(packet)
        pts = self._end if ticks is None else ticks
        if self._start is None:
            self._start = self._last_pts = self._end = pts
            self._lead = 0 if packet.dts is None else pts - packet.dts
        self._last_pts = max(self._last_pts, pts)
        self._end = max(self._end, pts + self._duration)

    def missing(self, index: "IndexEntries", *, of_decode_times: bool) -> tuple[int, float]:
        """The number of packets that the index lists after the last one read, and the time at which they would end."""
        reached = self._last_dts if of_decode_times and self._last_dts is not None else self._last_pts
        late = list(takewhile(lambda entry: entry.timestamp > reached, (index[-1 - n] for n in range(len(index)))))
        if not late:
            return 0, self.end_s
        end = late[0].timestamp + (self._lead if of_decode_times else 0) + self._duration
        return len(late), end * self._tick_s + self.offset_s


def _ticks(packet: "av.Packet[av.VideoStream]") -> int | None:
    return packet.dts if packet.pts is None else packet.pts


def _last_flush(
    stretch: _Stretch,
    container: "InputContainer",
    stream: "av.VideoStream",
    error_text: str,
) -> Flush:
    breaks_off = f"the container breaks off: {error_text}" if error_text else "the container is truncated"
    by_dts = "mov" in container.format.name  # its index is of decode times, that of all others of presentation times
    lost, until_s = stretch.missing(stream.index_entries, of_decode_times=by_dts)
    if lost:
        reason = f"{breaks_off}, its index names {lost} packets more"
        return Flush(lost_packets=lost, lost_until_s=until_s, reason=reason)
    if not error_text:
        return Flush()
    declared_s = _declared_end_s(container, stretch)
    return Flush(lost_packets=1, lost_until_s=declared_s, reason=breaks_off)


def _declared_end_s(container: "InputContainer", stretch: _Stretch) -> float | None:
    """End of the clip by a Matroska header, whose duration counts from time 0; None if packets reach it."""
    import av

    if "matroska" not in container.format.name or not container.duration:
        return None
    end_s = container.duration / av.time_base + stretch.offset_s
    return end_s if end_s > stretch.end_s else None
