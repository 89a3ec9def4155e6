"""One time line for a camera whose own clock restarts, is set, or wraps."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import av

WRAP_TICKS = 1 << 33
"""PTS and DTS of MPEG-TS have 33 bits (ISO/IEC 13818-1, 2.4.3.7): at 90 kHz they wrap every 26.5 hours."""
BACK_S = 1.0
"""Decode times never go back within a stream: by more than this the clock was set; less is jitter."""
AHEAD_S = 10.0
"""A camera that is silent longer counts as disconnected, so a larger jump means that its clock was set."""
GAP_S = 0.5
"""If the clock was set and packets also arrived so much later, time is missing; less is jitter."""


@dataclass(frozen=True, slots=True)
class CameraPosition:
    """The end of an earlier attempt's time line; times on the packets' clock, with their offset."""

    last_s: float
    """Start of its last picture."""
    end_s: float
    last_at: float
    """When that picture arrived, on the monotonic clock; negative if that was before the machine started."""


class CameraClock:
    """Puts the packets of a camera on one time line, across its connections.

    Within a connection the line follows the packets' own times. Where those are of no use (a new connection, a clock
    that was set) it follows the monotonic clock of their arrival, so time is neither stretched nor compressed.
    """

    def __init__(self, since: CameraPosition | None = None) -> None:
        self.offset_s = 0.0
        """Added to the times of the present packets, in seconds."""
        self._shift = 0
        """Ticks by which the camera's clock was corrected in this connection."""
        self._last_ticks: int | None = None
        """Decode time of the last packet of this connection."""
        self._last_s = since.last_s if since else None
        """Time of the last packet on the line."""
        self._end_s = since.end_s if since else 0.0
        """The latest end of a packet on the line."""
        self._last_at = since.last_at if since else 0.0
        """When the last packet arrived."""

    @property
    def began(self) -> bool:
        """Whether there is a packet on the line."""
        return self._last_s is not None

    def connect(self) -> None:
        """The next packet belongs to a new connection."""
        self._last_ticks, self._shift = None, 0

    def fit(self, packet: "av.Packet[av.VideoStream]", arrived_at: float) -> bool:
        """Put a packet on the line by its own time, corrected if necessary.

        Returns:
            False if that is impossible: the packet is the first of its connection, or time is missing before it.
        """
        if self._last_ticks is None:
            return False
        _move(packet, self._shift)
        if not self._follows(packet) and not self._set_again(packet, arrived_at):
            _move(packet, -self._shift)
            return False
        self._add(packet, arrived_at)
        return True

    def restart(self, packet: "av.Packet[av.VideoStream]", arrived_at: float) -> float:
        """Put a packet on the line by the monotonic clock; return its time in seconds."""
        start_s = 0.0
        if self._last_s is not None:
            start_s = max(self._end_s, self._last_s + arrived_at - self._last_at)
        self._shift = 0
        self.offset_s = start_s - (_ticks(packet) or 0) * _tick_s(packet)
        self._end_s = start_s
        self._add(packet, arrived_at)
        return start_s

    def _follows(self, packet: "av.Packet[av.VideoStream]") -> bool:
        return -BACK_S <= self._step(packet) * _tick_s(packet) <= AHEAD_S

    def _set_again(self, packet: "av.Packet[av.VideoStream]", arrived_at: float) -> bool:
        """The camera's clock has wrapped, or was set while packets kept coming: correct the packet's time."""
        shift = round(-self._step(packet) / WRAP_TICKS) * WRAP_TICKS
        if not -BACK_S <= (self._step(packet) + shift) * _tick_s(packet) <= AHEAD_S:
            if arrived_at - self._last_at >= GAP_S:
                return False
            shift = round((self._end_s - self.offset_s) / _tick_s(packet)) - (_ticks(packet) or 0)
        self._shift += shift
        _move(packet, shift)
        return True

    def _step(self, packet: "av.Packet[av.VideoStream]") -> int:
        return (_decode_ticks(packet) or 0) - (self._last_ticks or 0)

    def _add(self, packet: "av.Packet[av.VideoStream]", arrived_at: float) -> None:
        self._last_ticks, self._last_at = _decode_ticks(packet) or 0, arrived_at
        ticks = _ticks(packet)
        self._last_s = self._end_s if ticks is None else ticks * _tick_s(packet) + self.offset_s
        self._end_s = max(self._end_s, self._last_s + (packet.duration or 0) * _tick_s(packet))


def start_s(packet: "av.Packet[av.VideoStream]") -> float:
    """Start of a packet by its own time, in seconds; 0 if it has none."""
    return (_ticks(packet) or 0) * _tick_s(packet)


def end_s(packet: "av.Packet[av.VideoStream]") -> float:
    """End of a packet by its own time, in seconds; 0 if it has none."""
    return start_s(packet) + (packet.duration or 0) * _tick_s(packet)


def _move(packet: "av.Packet[av.VideoStream]", ticks: int) -> None:
    if packet.pts is not None:
        packet.pts += ticks
    if packet.dts is not None:
        packet.dts += ticks


def _ticks(packet: "av.Packet[av.VideoStream]") -> int | None:
    return packet.dts if packet.pts is None else packet.pts


def _decode_ticks(packet: "av.Packet[av.VideoStream]") -> int | None:
    """RTP with B-frames has presentation times alone; they go back and forth a little."""
    return packet.pts if packet.dts is None else packet.dts


def _tick_s(packet: "av.Packet[av.VideoStream]") -> float:
    return float(packet.time_base)
