"""Single frames of a clip: the one at a given time, or detailed ones spread over the clip."""

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from stream.errors import SourceError
from stream.sources.source import Source
from stream.video.container import demuxed, open_stream, read_facts
from stream.video.picture import upright_size

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

Float64: TypeAlias = npt.NDArray[np.float64]

_CANDIDATES: Final = 8
"""Frames that are compared over the whole clip, if so many can be decoded without their predecessors."""
_ASSUMED_S: Final = 10.0
"""Length of a clip that declares none."""
_DETAIL_PX: Final = 320
"""Width at which detail is measured: noise and compression artefacts are averaged out."""
_ROUNDING_S: Final = 1e-6


class TimedFrame(NamedTuple):
    """A decoded frame and its time."""

    t_s: float
    """Seconds from the clip's first frame."""
    frame: "av.VideoFrame"


def frame_at(source: Source, at_s: float) -> TimedFrame:
    """The first frame at or after ``at_s``, seconds from the clip's first frame.

    Raises:
        SourceError: there is no such frame, or the clip cannot be opened.
    """
    with open_stream(source) as (container, stream):
        reader = _FrameReader(container, stream)
        found = reader.at(at_s)
    if found is None and reader.first is not None and reader.first.pts is None:
        raise SourceError(f"{source.name} has no timestamps, so no time in it can be found: leave out --at")
    if found is None:
        raise SourceError(f"{source.name} has no frame that can be decoded at or after {at_s:g} s; try an earlier --at")
    return found


def detailed_frames(source: Source, count: int) -> list[TimedFrame]:
    """The most detailed of a few frames of each of ``count`` equal parts of the clip, always the same.

    The clip's first frame, which is often dark or still, is taken only if there is no other. Only frames where decoding
    can begin are compared; a part without one gives the frame in its middle. A part that cannot be decoded, or whose
    pictures have another size than the clip's first, gives none.

    Raises:
        SourceError: no frame can be decoded, or the clip cannot be opened.
    """
    length_s = read_facts(source).declared_s or _ASSUMED_S
    part_s = length_s / count
    with open_stream(source) as (container, stream):
        reader = _FrameReader(container, stream)
        found = [
            reader.most_detailed(part * part_s, (part + 1) * part_s, -(-_CANDIDATES // count)) for part in range(count)
        ]
        frames = [frame for frame in found if frame is not None]
        if not frames and reader.first is not None:
            frames = [TimedFrame(0.0, reader.first)]
    if not frames:
        raise SourceError(f"{source.name} has no frame that can be decoded")
    return frames


class _FrameReader:
    """Finds frames of one open clip."""

    def __init__(self, container: "InputContainer", stream: "av.VideoStream") -> None:
        self._container = container
        self._stream = stream
        self.first = self._next()
        """The clip's first frame; None if none can be decoded."""
        self._start_s = (self.first and self.first.time) or 0.0

    def at(self, t_s: float) -> TimedFrame | None:
        """The first frame at or after a time, seconds from the first one."""
        if self.first is None or t_s <= 0.0:
            return None if self.first is None else TimedFrame(0.0, self.first)
        earliest_s = self._start_s + t_s - _ROUNDING_S
        frame = self._next(t_s, earliest_s)
        if frame is None and self._next(t_s) is None:  # as in a transport stream, which is searched without an index
            frame = self._next(-self._start_s, earliest_s)
        return self._timed(frame)

    def most_detailed(self, start_s: float, end_s: float, candidates: int) -> TimedFrame | None:
        """The most detailed frame of [start_s, end_s), which is not the clip's first."""
        if self.first is None:
            return None
        step_s = (end_s - start_s) / candidates
        keyframes = [self._timed(self._next(start_s + (number + 0.5) * step_s)) for number in range(candidates)]
        found = [each for each in keyframes if each is not None and start_s <= each.t_s < end_s]
        if all(each.t_s <= 0.0 for each in found):
            middle = self.at((start_s + end_s) / 2)
            found = [] if middle is None else [middle]
        size = upright_size(self.first)
        whole = [each for each in found if each.t_s > 0.0 and upright_size(each.frame) == size]
        return max(whole, key=lambda each: (not each.frame.is_corrupt, detail(each.frame)), default=None)

    def _timed(self, frame: "av.VideoFrame | None") -> TimedFrame | None:
        return None if frame is None else TimedFrame((frame.time or 0.0) - self._start_s, frame)

    def _next(self, seek_s: float | None = None, earliest_s: float = float("-inf")) -> "av.VideoFrame | None":
        """The next frame that can be decoded and is not earlier, after seeking to the last keyframe before a time."""
        import av

        with suppress(av.FFmpegError, OSError):
            if seek_s is not None:
                self._container.seek(round((self._start_s + seek_s) * av.time_base))
            frames = _frames(self._container, self._stream)
            return next((frame for frame in frames if (frame.time or 0.0) >= earliest_s), None)
        return None


def detail(frame: "av.VideoFrame") -> float:
    """Variance of the Laplacian of the brightness of a frame scaled to 320 pixels across: low if dark, flat or blurred.

    Source: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", 2000.
    """
    height = max(3, round(frame.height * _DETAIL_PX / frame.width))
    gray = frame.reformat(width=_DETAIL_PX, height=height, format="gray").to_ndarray().astype(np.float64)
    around: Float64 = gray[:-2, 1:-1] + gray[2:, 1:-1] + gray[1:-1, :-2] + gray[1:-1, 2:]
    return float(np.var(around - 4 * gray[1:-1, 1:-1]))


def _frames(container: "InputContainer", stream: "av.VideoStream") -> "Iterator[av.VideoFrame]":
    """Frames that can be decoded from here on; damaged packets are skipped."""
    import av

    for packet in demuxed(container, stream):
        with suppress(av.FFmpegError):
            yield from packet.decode()
