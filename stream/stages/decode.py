"""The stage that decodes: it takes packets and returns pictures and damage.

Damage is detected as follows:

- Packets are decoded one by one, so that an error in one does not affect the others.
- Losses that libav does not report are found by matching packets with pictures (``stream.video.packet_tracker``):
  libav raises nothing when an HEVC picture refers to a missing one; it withholds that picture and all that follow, up
  to the next key picture. A packet without a picture is damage. So are the leading pictures of an open group with which
  a clip begins: they refer to what was cut off. A camera, which is joined midway, has no such damage. For other codecs,
  where a packet may have no picture (hidden frames of VP8, second fields of H.264), it is damage only if libav raised
  an error.
- A picture that libav marks as corrupt, whose aspect ratio is not the clip's, or whose time jumps by an hour is damage
  and not returned: a stretch of time has pictures or is damaged, never both. Size, depth, pixel format and colour may
  change as long as the aspect ratio stays. A packet that the container marks as corrupt (the last one, truncated) is
  not decoded.
- Packets that the index of the container lists but the file lacks are damage, and so is the missing end of a file whose
  framing shows that it was truncated (``stream.video.truncation``). A mere claim of a header is not.
- More than a second, and more than ten frame periods, without a packet are damage (``stream.video.timeline``).

A stream without timestamps, such as a bare one, has the time of its pictures alone: each lasts as long as its packet,
whether it could be decoded or not.

Not detected are: a shorter hole in a stream, or the missing end of a raw one, if no later picture refers to the lost
ones; packets that an edit list removes; flipped bits that leave the syntax valid, which libav decodes to wrong pixels
under every setting; and H.264 pictures that refer to a lost one, which libav conceals without a mark.
``err_detect=explode`` would find a few more, but lose every picture of a stream with malformed SEI messages, so libav's
default is used.
"""

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from stream.errors import SourceError
from stream.pipeline.facts import Fact, SourceDamaged, SourceGap, SourceLost, StreamOverload
from stream.pipeline.items import (
    ConnectionLost,
    ConnectionRestored,
    End,
    EndReason,
    Flush,
    Item,
    Packet,
    PacketsDropped,
    Picture,
)
from stream.pipeline.stage import Stage, State
from stream.pipeline.state import take, take_optional
from stream.records.replay import latest_s
from stream.sources.live.camera_clock import CameraPosition
from stream.sources.source import ResumePoint
from stream.video.facts import StreamFacts
from stream.video.nal_units import NalUnits
from stream.video.packet_tracker import PacketTracker, PendingPacket
from stream.video.picture import change_fault
from stream.video.seek_points import SeekPoint, SeekPoints
from stream.video.timeline import LEAP_S, TimeLine

if TYPE_CHECKING:
    import av

_DEFAULT_FPS = 25.0
"""libav's own assumption for streams that declare no rate; used only where a frame has no duration either."""


class Decode(Stage):
    """Turns packets into pictures and damage, in the order of time; other items are passed on.

    ``Picture.frame`` shares the decoder's buffers by reference count: it stays valid while there is a reference, even
    after the clip is closed, and its buffer is reused only afterwards. So release it soon.

    Raises:
        SourceError: at the ``Flush`` of a clip without a single picture.
    """

    name = "decode"

    def __init__(self, clip: str, facts: StreamFacts) -> None:
        """``clip`` is its name, for messages."""
        self._clip = clip
        self._period_s = 1.0 / (facts.fps or _DEFAULT_FPS)
        self._picture_from_each_packet = facts.codec == "hevc"
        self._codec: av.VideoCodecContext | None = None
        self._tick_s = 0.0
        self._offset_s = 0.0
        self._arrived_at: float | None = None
        self._size = facts.display_width_px, facts.display_height_px
        self._sound_shape: tuple[object, ...] = ()  # of the last picture, in which nothing was wrong
        self._last_error = ""  # of libav or the container; not yet the reason for any damage
        self._tracker = PacketTracker()
        self._line = TimeLine(self._period_s)
        self._entries = SeekPoints()
        self._awaited: SeekPoint | None = None
        """After ``resume``: the key picture from which pictures are new."""
        self._known_pictures = self._known_damages = 0
        """Returned by an earlier attempt."""
        self._replay_from_s = math.inf
        self._left_off: tuple[State, float | None] = {}, None
        """After ``restore``: the time line, and the arrival of its last picture."""

    def on_item(self, item: Item) -> Iterable[Item]:
        """Decode a packet; the returned pictures may belong to earlier packets."""
        match item:
            case Packet():
                return self._decode(item)
            case Flush():
                return self._flush(item)
            case ConnectionLost() | ConnectionRestored() | PacketsDropped():
                return self._interrupted(item)
            case _:
                return (item,)

    def on_end(self) -> Iterator[Item]:
        """Return the pictures that the decoder still holds; there are none after a ``Flush``."""
        yield from self._drain()
        yield from self._close()

    def end(self, reason: EndReason) -> End:
        """The item that ends the run, after ``on_end``."""
        return End(reason, self._line.end_s, self._line.pictures, self._line.packets_lost)

    def snapshot(self) -> State:
        """Count the pictures returned so far and list the seek points; pictures in the decoder are not saved."""
        return {
            "pictures": self._line.pictures,
            "damages": self._line.damages,
            "entries": self._entries.snapshot(),
            "line": self._line.snapshot(),
            "arrived_unix_s": self._arrived_unix_s(),
        }

    def restore(self, state: State) -> None:
        """Continue after the pictures returned so far; those of packets that are read again are not returned twice."""
        self._known_pictures, self._known_damages = take(state, "pictures", int), take(state, "damages", int)
        self._entries.restore(take(state, "entries", dict))
        self._left_off = take(state, "line", dict), take_optional(state, "arrived_unix_s", float)

    def catch_up(self, recorded: Sequence[Fact]) -> None:
        """After ``restore``: continue the time line after the last recorded event."""
        self._line.restore(self._left_off[0])
        self._line.advance(latest_s(recorded))

    def resume(self, replay_from_s: float | None) -> ResumePoint:
        """The latest point from which packets may be read again; an earlier one is possible, too.

        Args:
            replay_from_s: After ``restore``, for a source that can be played again: pictures from this time on are
                returned again. None: no picture is.
        """
        if replay_from_s is not None:
            self._replay_from_s = replay_from_s
            self._awaited = self._entries.last_before(replay_from_s)
        return ResumePoint(self._awaited, self._camera_position())

    def _camera_position(self) -> CameraPosition | None:
        """After ``catch_up``: the camera's last position; None if there was no earlier attempt."""
        unix_s = self._left_off[1]
        if unix_s is None:
            return None
        return CameraPosition(*self._line.left_off(), time.monotonic() - (time.time() - unix_s))

    def _arrived_unix_s(self) -> float | None:
        """Arrival of the last packet in Unix time, since the monotonic clock does not survive a reboot."""
        return None if self._arrived_at is None else time.time() - (time.monotonic() - self._arrived_at)

    def _decode(self, item: Packet) -> Iterator[Item]:
        packet = item.packet
        if packet.stream.codec_context is not self._codec:
            self._begin_codec(packet, joins_midway=item.arrived_at is not None)
        self._offset_s, self._arrived_at = item.offset_s, item.arrived_at
        self._lose(self._tracker.send(packet))
        if item.is_entry:
            self._entries.send(packet)
        if packet.is_corrupt:
            self._last_error = "a packet is incomplete"
        else:
            yield from self._pictures(packet)

    def _begin_codec(self, first: "av.Packet[av.VideoStream]", *, joins_midway: bool) -> None:
        """Prepare for a stream, all of whose packets have the codec and the time base of the first one."""
        self._codec = codec = first.stream.codec_context
        self._tick_s = float(first.time_base)
        codec.copy_opaque = True  # the packet tracker's numbers
        units = NalUnits(codec.extradata) if self._picture_from_each_packet else None
        self._tracker = PacketTracker(units, joins_midway=joins_midway)

    def _flush(self, item: Flush) -> Iterator[Item]:
        yield from self._drain()
        if self._awaited is not None:
            raise SourceError(f"{self._clip} no longer holds the key picture at {self._awaited.t_s} s: it has changed")
        if item.lost_packets:
            self._line.lose(item.lost_until_s, item.lost_packets, item.reason)
        yield from self._close()
        if self._line.pictures == 0:
            raise SourceError(f"{self._clip} contains no picture that can be decoded")

    def _interrupted(self, item: ConnectionLost | ConnectionRestored | PacketsDropped) -> Iterator[Item]:
        """The packets that follow do not continue those before."""
        yield from self._drain()
        yield from self._close()
        if self._line.pictures == 0:
            return  # the time line has not begun
        match item:
            case ConnectionLost():
                yield SourceLost(self._line.end_s, item.reason)
            case ConnectionRestored():
                yield SourceGap(*self._line.skip(item.from_s), item.reason)
            case PacketsDropped():
                yield StreamOverload(*self._line.skip(item.until_s), item.reason, 0, item.packets)

    def _drain(self) -> Iterator[Item]:
        """Return the pictures that the decoder holds, and prepare it for another stream."""
        if self._codec is None:
            return
        yield from self._pictures(None)
        self._codec.flush_buffers()
        self._codec = None
        self._lose(self._tracker.close())
        self._last_error = ""

    def _pictures(self, packet: "av.Packet[av.VideoStream] | None") -> Iterator[Item]:
        import av

        if self._codec is None:
            return
        try:
            frames = self._codec.decode(packet)
        except av.FFmpegError as error:
            self._last_error = f"cannot be decoded: {error.strerror}"
            return
        for frame in frames:
            yield from self._picture(frame)

    def _picture(self, frame: "av.VideoFrame") -> Iterator[Item]:
        if not self._tracker.expects(frame):
            return
        self._lose(self._tracker.receive(frame))
        if self._is_known(frame):
            return
        ticks = frame.dts if frame.pts is None else frame.pts
        clock_s = None if ticks is None else self._clock_s(ticks)
        duration_s = frame.duration * self._tick_s
        if not 0.0 < duration_s <= LEAP_S:
            duration_s = self._period_s
        if fault := self._fault(frame) or self._line.leap(clock_s):
            self._line.lose(None if clock_s is None else clock_s + duration_s, 1, fault, duration_s)
            return
        before = self._line.snapshot() if self._is_entry(frame) else None
        place = self._line.place(clock_s, duration_s)
        if before is not None:
            self._entries.receive(frame, place.t_s, before)
        yield from self._new(place.damage_before)
        if place.index >= self._known_pictures or place.t_s >= self._replay_from_s:
            shown_s = duration_s if duration_s <= self._line.hole_s else self._period_s
            yield Picture(place.index, place.t_s, shown_s, frame, self._arrived_at)

    def _is_known(self, frame: "av.VideoFrame") -> bool:
        """Whether the picture precedes the awaited seek point, from which the time line continues."""
        if self._awaited is not None and frame.key_frame and frame.pts == self._awaited.pts:
            self._line.restore(self._awaited.line)
            self._awaited = None
        return self._awaited is not None

    def _is_entry(self, frame: "av.VideoFrame") -> bool:
        return self._entries.takes(frame) and self._tracker.is_sound and not self._last_error

    def _new(self, damages: Iterable[SourceDamaged]) -> Iterator[SourceDamaged]:
        """The damage up to here that was not returned before."""
        if self._line.damages > self._known_damages:
            yield from damages

    def _close(self) -> Iterator[SourceDamaged]:
        if self._awaited is None:
            yield from self._new(list(self._line.close()))

    def _fault(self, frame: "av.VideoFrame") -> str:
        """The reason not to trust the picture; empty if there is none."""
        if frame.is_corrupt:
            return "marked corrupt by the decoder"
        shape = frame.width, frame.height, frame.rotation, (frame.sw_format or frame.format).name
        if shape == self._sound_shape:
            return ""
        fault = change_fault(frame, self._size)
        self._sound_shape = () if fault else shape
        return fault

    def _lose(self, pending: list[PendingPacket]) -> None:
        """Note packets without a picture as lost, if one was due."""
        inferred = "refers to a missing picture" if self._picture_from_each_packet else ""
        for packet in pending:
            if reason := packet.reason or self._last_error or inferred:
                until_s = None if packet.end is None else self._clock_s(packet.end)
                lasting_s = packet.duration * self._tick_s if self._picture_from_each_packet else 0.0
                self._line.lose(until_s, 1, reason, lasting_s)
        if pending:
            self._last_error = ""

    def _clock_s(self, ticks: int) -> float:
        return ticks * self._tick_s + self._offset_s
