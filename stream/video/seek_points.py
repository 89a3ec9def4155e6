"""Keyframes from which decoding can begin again, each with the time line as it was right before it."""

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stream.pipeline.stage import State
from stream.pipeline.state import take

if TYPE_CHECKING:
    import av

_MAX_POINTS = 64
_APART_S = 1.0
"""Least distance of two seek points: ``_MAX_POINTS`` of them cover a minute, more than any window and batch."""


@dataclass(frozen=True, slots=True)
class SeekPoint:
    """A keyframe from which decoding can begin."""

    t_s: float
    pts: int
    """Time in ticks of the stream; together with ``position`` it identifies the packet."""
    position: int
    """Byte offset of its packet from the clip's start."""
    line: State
    """The state of the time line before the picture was placed on it."""


class SeekPoints:
    """The latest keyframes that the decoder gave undamaged and in order.

    From a keyframe on, everything displayed after it decodes the same, regardless of what came before: H.265 (8.1.3,
    RASL pictures) and the open GOP of any encoder affect only what is displayed before it. So a seek point is valid
    from its own PTS on, and what a new decoder gives before that is ignored.
    """

    def __init__(self) -> None:
        self._sent: dict[int, int] = {}
        self._points: deque[SeekPoint] = deque(maxlen=_MAX_POINTS)

    def send(self, packet: "av.Packet[av.VideoStream]") -> None:
        """Note a packet with which decoding may begin, as it goes to the decoder."""
        if packet.pts is not None and packet.pos is not None:
            self._sent[packet.pts] = packet.pos

    def takes(self, frame: "av.VideoFrame") -> bool:
        """Whether a picture from the decoder is a seek point."""
        return frame.key_frame and frame.pts in self._sent

    def receive(self, frame: "av.VideoFrame", t_s: float, line: State) -> None:
        """Add a seek point at ``t_s``, with the state of the time line before it."""
        pts = frame.pts or 0
        if not self._points or t_s >= self._points[-1].t_s + _APART_S:
            self._points.append(SeekPoint(t_s, pts, self._sent[pts], line))
        self._sent = {sent: position for sent, position in self._sent.items() if sent > pts}

    def last_before(self, t_s: float) -> SeekPoint | None:
        """The last seek point at or before ``t_s``; None if there is none."""
        return next((point for point in reversed(self._points) if point.t_s <= t_s), None)

    def snapshot(self) -> State:
        return {"kept": [[point.t_s, point.pts, point.position, point.line] for point in self._points]}

    def restore(self, state: State) -> None:
        self._points.extend(SeekPoint(*point) for point in take(state, "kept", list))
