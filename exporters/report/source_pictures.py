"""Pictures of runs whose keyframes are gone, decoded again from their clips: a bounded number in a bounded time."""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from exporters.dataset.clips import Renderers, picture_of
from exporters.report.pictures import data_url, shrunk_picture
from exporters.report.view import ReportPicture, ShownSegment
from exporters.run_view import RunView
from stream.errors import EgocleanError
from stream.sources.clip import Clip
from stream.sources.run_clip import ClipFinder
from stream.video.container import demuxed, open_stream

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

PICTURES_MAX: Final = 240
"""Pictures of one report."""
SECONDS_MAX: Final = 30.0
"""Time for them all."""
FRAMES_MAX: Final = 6
"""Pictures of a segment, those of its actions not counted."""
_BATCH: Final = 30
"""Pictures that are decoded in order of time before the next most important ones."""
_FORWARD_S: Final = 8.0
"""To a picture that is nearer than this, decoding goes on; to one farther away it seeks."""
_ROUNDING_S: Final = 0.002


@dataclass(frozen=True, slots=True)
class SourcePictures:
    """What could be decoded of a run's clip."""

    pictures: tuple[ReportPicture, ...] = ()
    note: str = ""
    """Why there is no picture."""


class SourcePictureReader:
    """Reads the pictures of several runs; what one uses of the number and the time, the next ones cannot."""

    def __init__(self, finder: ClipFinder, longest_px: int) -> None:
        self._finder = finder
        self._longest_px = longest_px
        self._left = PICTURES_MAX
        self._ends_at = time.monotonic() + SECONDS_MAX

    def read(self, run: RunView, segments: Sequence[ShownSegment]) -> SourcePictures:
        """Pictures of these segments, the most unusual ones first. A remote clip is not fetched for them."""
        manifest = run.records()
        if manifest.source.origin or "://" in manifest.source.name:
            return SourcePictures(note="no pictures: the keyframes are gone, and the clip is remote")
        times_s = wanted_times_s(segments)[: self._left]
        try:
            clip = self._finder.find(manifest)
            found = tuple(self._pictures(run, clip, times_s))
        except (EgocleanError, OSError) as error:
            return SourcePictures(note=f"no pictures: the keyframes are gone, and the clip cannot be read ({error})")
        self._left -= len(found)
        if found:
            return SourcePictures(found)
        if self._left and time.monotonic() < self._ends_at:
            return SourcePictures(note="no pictures: the keyframes are gone, and the clip has none of these segments")
        return SourcePictures(note="no pictures: the report's limit for pictures decoded from clips is reached")

    def _pictures(self, run: RunView, clip: Clip, times_s: Sequence[float]) -> Iterator[ReportPicture]:
        renderers = Renderers(run.records(), picture_of(run), self._longest_px)
        for first in range(0, len(times_s), _BATCH):
            if time.monotonic() >= self._ends_at:
                return
            for t_s, frame in _frames_at(clip, sorted(times_s[first : first + _BATCH]), self._ends_at):
                bgr = renderers.of(frame)(frame).to_ndarray(format="bgr24")
                if jpeg := shrunk_picture(np.asarray(bgr, np.uint8), self._longest_px):
                    yield ReportPicture(t_s=t_s, src=data_url(jpeg))


def wanted_times_s(segments: Sequence[ShownSegment]) -> list[float]:
    """The times of pictures, each once, the most important first: one of every segment, then its actions, then more."""
    ranked: list[tuple[int, bool, float, float]] = []
    for segment in segments:
        length_s = segment.t_end_s - segment.t_start_s
        boxes_s = [action.boxes_s for action in segment.actions if action.objects] or [segment.t_start_s + length_s / 2]
        even_s = [segment.t_start_s + place * length_s / FRAMES_MAX for place in range(FRAMES_MAX)]
        times_s = (max(segment.t_start_s, min(t_s, segment.t_end_s - 0.05)) for t_s in (*boxes_s, *even_s))
        is_usual = segment.kind != "anomalous"
        ranked += [(place, is_usual, -segment.unusual, round(t_s, 3)) for place, t_s in enumerate(times_s)]
    return list(dict.fromkeys(t_s for *_, t_s in sorted(ranked)))


def _frames_at(clip: Clip, times_s: Sequence[float], ends_at: float) -> "Iterator[tuple[float, av.VideoFrame]]":
    """The first frame at or after each time, which ascend; none for a time at which nothing can be decoded."""
    import av

    with open_stream(clip) as (container, stream), suppress(av.FFmpegError):
        first = next(_decoded(container, stream), None)
        if first is None:
            return
        zero_s, at_s = first.time or 0.0, float("-inf")
        frames = _decoded(container, stream)
        for t_s in times_s:
            if time.monotonic() >= ends_at:
                return
            if t_s - at_s > _FORWARD_S:
                container.seek(round((zero_s + t_s) * av.time_base))
                frames = _decoded(container, stream)
            frame = next((each for each in frames if (each.time or 0.0) - zero_s >= t_s - _ROUNDING_S), None)
            if frame is not None:
                at_s = (frame.time or 0.0) - zero_s
                yield round(at_s, 3), frame


def _decoded(container: "InputContainer", stream: "av.VideoStream") -> "Iterator[av.VideoFrame]":
    import av

    for packet in demuxed(container, stream):
        with suppress(av.FFmpegError):
            yield from packet.decode()
