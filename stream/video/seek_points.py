"""Where decoding can begin anew: key pictures, each with the time line as it was right before it."""

from collections import deque
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from stream.pipeline.stage import State
from stream.pipeline.state import take

if TYPE_CHECKING:
    import av

_KEPT = 64
_APART_S = 1.0
"""Between two that are kept: with ``_KEPT`` they reach back a minute, beyond any window and any batch of them."""


@dataclass(frozen=True, slots=True)
class SeekPoint:
    """One key picture from which decoding can begin."""

    t_s: float
    pts: int
    """In ticks of the stream; with ``position`` it is how its packet is known."""
    position: int
    """Of its packet, in bytes from the clip's start."""
    line: State
    """The time line before the picture was put on it."""


class SeekPoints:
    """The last key pictures that came out of the decoder whole, and in order.

    From a key picture on all that is displayed after it decodes as it did before, whatever stood before it: H.265
    (8.1.3, RASL pictures) and every encoder's open GOP alter only what is displayed before it. So an entry counts from
    its own PTS on, and what a fresh decoder gives before that is left out.
    """

    def __init__(self) -> None:
        self._sent: dict[int, int] = {}
        self._kept: deque[SeekPoint] = deque(maxlen=_KEPT)

    def send(self, packet: "av.Packet[av.VideoStream]") -> None:
        """A packet with which decoding may begin goes to the decoder."""
        if packet.pts is not None and packet.pos is not None:
            self._sent[packet.pts] = packet.pos

    def takes(self, frame: "av.VideoFrame") -> bool:
        """Whether the picture that comes out of the decoder is one to be kept."""
        return frame.key_frame and frame.pts in self._sent

    def receive(self, frame: "av.VideoFrame", t_s: float, line: State) -> None:
        """Keep it, at its place ``t_s``, and with the time line as it was before."""
        pts = frame.pts or 0
        if not self._kept or t_s >= self._kept[-1].t_s + _APART_S:
            self._kept.append(SeekPoint(t_s, pts, self._sent[pts], line))
        self._sent = {sent: position for sent, position in self._sent.items() if sent > pts}

    def last_before(self, t_s: float) -> SeekPoint | None:
        """The last one at or before ``t_s``; None if none is known."""
        return next((entry for entry in reversed(self._kept) if entry.t_s <= t_s), None)

    def snapshot(self) -> State:
        return {"kept": [list(astuple(entry)) for entry in self._kept]}

    def restore(self, state: State) -> None:
        self._kept.extend(SeekPoint(*entry) for entry in take(state, "kept", list))
