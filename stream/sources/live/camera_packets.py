"""The packets of a camera across its connections, with an event for each outage between them."""

import logging
import math
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from fractions import Fraction
from typing import TYPE_CHECKING

from stream.errors import SourceError
from stream.pipeline.items import ConnectionLost, ConnectionRestored, Packet, SourceEvent
from stream.sources.live.backoff import Backoff
from stream.sources.live.camera_clock import CameraClock, CameraPosition
from stream.sources.live.connect import outage
from stream.video.container import demuxed
from stream.video.packets import decode_threads

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

    Connect = Callable[[], AbstractContextManager[tuple[InputContainer, av.VideoStream]]]

_LOG = logging.getLogger(__name__)

ENDED = "it ended the stream"
INTERRUPTED = "the run was interrupted"

_WITHOUT_TIMES = "mpjpeg"
"""libav's demuxer of MJPEG over HTTP, where pictures have no times: it counts them, as 25 a second."""
_STAMP = Fraction(1, 90_000)
"""Time base of a time of arrival, as of RTP video (RFC 3551, 4.3)."""


class CameraPackets:
    """Iterates over a camera's packets until the camera is given up or ends its stream.

    Each connection begins with its first keyframe: nothing before it can be decoded. When the camera is cut off,
    ``ConnectionLost`` follows at once, and ``ConnectionRestored`` before the first packet of the next connection. Both
    say why, and name each reason once.
    """

    def __init__(
        self,
        connect: "Connect",
        backoff: Backoff,
        *,
        has_end: bool,
        read_timeout_s: float = math.inf,
        since: CameraPosition | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set up.

        Args:
            connect: Opens the camera, as ``stream.video.container.open_stream`` does.
            backoff: How long to wait between attempts, and when to give up.
            has_end: Whether a stream that ends without an error is complete; a camera's has been cut off.
            read_timeout_s: A camera that sends nothing for so many seconds has been cut off.
            since: Where an earlier attempt at the run left the camera: the gap begins there.
            clock: The monotonic clock, seconds.
        """
        self._connect = connect
        self._backoff = backoff
        self._has_end = has_end
        self._read_timeout_s = read_timeout_s
        self._clock = clock
        self._line = CameraClock(since)
        self._reasons = [INTERRUPTED] if since else []
        """Why the camera is away; empty while it is not."""
        self._complete = False

    def __iter__(self) -> Iterator[Packet | SourceEvent]:
        if self._reasons:
            yield ConnectionLost(INTERRUPTED)
        while True:
            reason = yield from self._session()
            if self._complete:
                return
            if not self._reasons and self._line.began:
                yield ConnectionLost(reason)
            elif reason not in self._reasons:
                _LOG.warning("the source is still away: %s", reason)
            if reason not in self._reasons:
                self._reasons.append(reason)
            if not self._backoff.wait():
                return

    def _session(self) -> Generator[Packet | SourceEvent, None, str]:
        """One connection; returns why it ended."""
        import av

        try:
            with self._connect() as (container, stream):
                decode_threads(stream)
                yield from self._follow(container, stream)
                self._complete = self._has_end
                return ENDED
        except (av.FFmpegError, OSError, SourceError) as error:
            return outage(error)

    def _follow(self, container: "InputContainer", stream: "av.VideoStream") -> Iterator[Packet | SourceEvent]:
        self._line.connect()
        arrived_at = math.inf
        for packet in demuxed(container, stream):
            last_at, arrived_at = arrived_at, self._clock()
            silent = arrived_at - last_at >= self._read_timeout_s
            if silent:  # libav waited for the packet that ends this one, and returns it as it is
                arrived_at = last_at
            if packet.size == 0:  # codes nothing; a decoder would take it for the end
                continue
            if container.format.name == _WITHOUT_TIMES:
                _stamp(packet, arrived_at)
            if not self._line.fit(packet, arrived_at):
                if not packet.is_keyframe:
                    continue
                yield from self._restart(packet, arrived_at)
            yield Packet(packet, self._line.offset_s, arrived_at=arrived_at)
            if silent:
                raise TimeoutError

    def _restart(self, packet: "av.Packet[av.VideoStream]", arrived_at: float) -> Iterator[Packet | SourceEvent]:
        """The first packet of a connection, or of a clock that was set while time went on."""
        again = self._line.began
        from_s = self._line.restart(packet, arrived_at)
        if again:
            reason = "; then: ".join(self._reasons) or "its clock was set"
            yield ConnectionRestored(from_s, reason)
        self._reasons = []
        self._backoff.reset()


def _stamp(packet: "av.Packet[av.VideoStream]", arrived_at: float) -> None:
    """Give a picture the time of its arrival, seconds on the monotonic clock."""
    packet.time_base = _STAMP
    packet.pts = packet.dts = round(arrived_at / _STAMP)
    packet.duration = 0
