"""The items of the chain, one dataclass for each kind; times are seconds since the first decoded frame.

``Packet`` and ``Picture`` hold libav objects and live inside one process; all others cross process borders
(``stream.runtime.channels``) and hold nothing but numbers, strings, bytes and numpy arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from models.annotators.annotator import AnnotationAnswer, AnnotationFailure
from stream.pipeline.facts import ClipFact, SegmentClosed, SourceLost
from stream.pipeline.state import PackedState

if TYPE_CHECKING:  # libav is needed by the processes that decode, not by those that only pass items on
    import av

UInt8: TypeAlias = npt.NDArray[np.uint8]
Float16: TypeAlias = npt.NDArray[np.float16]
Float32: TypeAlias = npt.NDArray[np.float32]
Float64: TypeAlias = npt.NDArray[np.float64]

EndReason: TypeAlias = Literal["end_of_stream", "stopped"]


@dataclass(frozen=True, slots=True)
class Packet:
    """One compressed packet of the chosen video stream."""

    packet: av.Packet[av.VideoStream]
    offset_s: float = 0.0
    """Added to the packet's own time: the total length of the earlier rounds of ``--loop``."""
    is_entry: bool = False
    """Whether decoding may begin with it; ``stream.video.packets`` can seek to it."""
    arrived_at: float | None = None
    """When a camera sent it, in seconds of the monotonic clock; None where the source waits for its reader."""


@dataclass(frozen=True, slots=True)
class Flush:
    """The end of a stretch of packets that share one clock: the decoder is flushed and starts over."""

    lost_packets: int = 0
    """Number of packets that the container's index lists and that are missing; 1 if it ends without listing any."""
    lost_until_s: float | None = None
    """Time at which they would have ended, on the packets' clock with its offset; None if unknown."""
    reason: str = ""
    """Why packets are lost; empty if none are."""


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """A camera sends nothing until ``ConnectionRestored``."""

    reason: str


@dataclass(frozen=True, slots=True)
class ConnectionRestored:
    """A camera sends packets again."""

    from_s: float
    """Time of the first of them, on the packets' clock with its offset."""
    reason: str
    """Why the camera was away."""


@dataclass(frozen=True, slots=True)
class PacketsDropped:
    """Replaces packets that waited too long to be decoded; a random access point follows."""

    until_s: float
    """Time at which they would have ended, on the packets' clock with its offset."""
    packets: int
    reason: str


SourceEvent: TypeAlias = Flush | ConnectionLost | ConnectionRestored | PacketsDropped
"""What a source reports between packets. It stays inside the process that decodes, as ``Packet`` does."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded frame, still in the decoder's planes."""

    index: int
    """0, 1, 2, ... in the order of display, over the whole stream."""
    t_s: float
    """The frame's own PTS, from the first decoded frame."""
    duration_s: float
    frame: av.VideoFrame
    arrived_at: float | None = None
    """Arrival of its packet."""


@dataclass(frozen=True, slots=True)
class EncoderFrame:
    """One rectified frame at the encoder's size."""

    index: int
    t_s: float
    duration_s: float
    rgb: UInt8
    """(encoder_px, encoder_px, 3) uint8, RGB."""
    arrived_at: float | None = None
    """Arrival of its packet; all processes of a machine share one monotonic clock."""


@dataclass(frozen=True, slots=True)
class Motion:
    """Motion between two frames, as ``stream.geometry.motion`` measures it."""

    t_start_s: float
    """Time of the first of the two frames."""
    t_end_s: float
    """Time of the second."""
    moving_share: float | None
    """Share of the picture that moves independently of the head; None if the head moves too fast to tell."""
    head_widths_s: float
    """Speed of the picture as a whole, in picture widths a second."""


@dataclass(frozen=True, slots=True)
class Keyframe:
    """One rectified frame for the annotator, compressed."""

    t_s: float
    width: int
    """Pixels of the rectified picture; boxes refer to it."""
    height: int
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Embedding:
    """The embedding of one window of frames."""

    index: int
    """0, 1, 2, ...: the row of the run's ``*.npy`` files."""
    t_sample_s: float
    """The time that represents the window: its first frame's, or the middle of a long window."""
    t_end_s: float
    """End of the window's last frame."""
    mean: Float32
    """(D,) float32, mean over all tokens."""
    temporal: Float16
    """(T, D) float16, mean over space for each tubelet."""


@dataclass(frozen=True, slots=True)
class AnnotationTask:
    """A closed segment that is to be annotated. It is recorded, and its keyframes are in the run's keyframe cache."""

    segment: SegmentClosed
    queued_at_s: float
    """On this machine's monotonic clock."""
    preceding_from_s: float | None = None
    """Start of the keyframes before the segment that are shown, too; None: none are."""


@dataclass(frozen=True, slots=True)
class WorkerReady:
    """A worker that restarts alone is ready: the process before it in the chain may send to it."""

    process: str


@dataclass(frozen=True, slots=True)
class AnnotatorUnavailable:
    """The annotator cannot answer at present; a failure follows for each segment that was requested."""

    reason: str


@dataclass(frozen=True, slots=True)
class WorkerExited:
    """A worker that restarts alone has exited, and will not answer what it was sent."""

    process: str
    reason: str
    restarts: bool
    """Whether it is restarted."""


@dataclass(frozen=True, slots=True)
class Barrier:
    """A place in the stream at which every stage saves its state; a run can continue from all of them together."""

    t_s: float
    """Time of the frame that it follows."""
    states: dict[str, PackedState]
    """The snapshots of the stages that it has passed, by name."""


@dataclass(frozen=True, slots=True)
class End:
    """The last item of a run, passed on by every stage after its ``on_end``."""

    reason: EndReason
    decoded_s: float
    """End of the source's time line: the last frame's end, or the end of damage after it."""
    frames: int
    packets_lost: int = 0


@dataclass(frozen=True, slots=True)
class LocalItem:
    """Base of the items that one pipeline alone knows, such as those of view alignment; they stay inside a process."""


WireItem: TypeAlias = (
    ClipFact | EncoderFrame | Motion | Keyframe | Embedding | Barrier | End
    | AnnotationTask | AnnotationAnswer | AnnotationFailure | WorkerReady | AnnotatorUnavailable | WorkerExited
)  # fmt: skip
Item: TypeAlias = Packet | SourceEvent | Picture | LocalItem | WireItem

Timed: TypeAlias = Picture | EncoderFrame | Keyframe | SourceLost | Barrier
"""Items that belong to one stream time, ``t_s``."""
Arrived: TypeAlias = Packet | Picture | EncoderFrame
"""Items that know when a camera sent them, ``arrived_at``."""
