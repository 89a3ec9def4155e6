"""Cuts a clip into videos of constant frame rate: decoded and rectified once, in order, for all of them."""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from stream.errors import SourceError
from stream.pipeline.items import Picture
from stream.pipeline.stage import drive
from stream.records.store.atomic import replaced_when_whole
from stream.sources.clip import Clip
from stream.stages.decode import Decode
from stream.video.container import read_facts
from stream.video.packets import packets
from stream.video.writer import Coding, Tags, VideoTiming, VideoWriter, tags_of, video_writer

if TYPE_CHECKING:
    import av
    import numpy.typing as npt

EARLY_S: Final = 0.001
"""Tolerance, seconds: a picture may be this late for a frame's time, because times in records are rounded."""
_STATISTICS_STRIDE_PX: Final = 4
"""Every fourth pixel of every fourth line is counted."""

Renderer: TypeAlias = Callable[["av.VideoFrame"], "av.VideoFrame"]
"""Makes a ``yuv420p`` frame of the output's size from a decoded one; called by several threads."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One video to cut."""

    path: Path
    t_start_s: float
    """Stream time of its first frame."""
    frames: int


@dataclass(slots=True)
class FinishedCut:
    """A video that has been cut and is complete under its name."""

    cut: Cut
    width_px: int = 0
    height_px: int = 0
    repeated: int = 0
    """Frames that show the same picture as the one before."""
    dropped: int = 0
    """Pictures between its first and its last frame that no frame shows."""
    sha256: str = ""
    size_bytes: int = 0
    rgb_histogram: "npt.NDArray[np.int64]" = field(default_factory=lambda: np.zeros((3, 256), np.int64))
    """(3, 256) int64: pixels of each value, over one frame a second."""


@dataclass(frozen=True, slots=True)
class ScheduledPicture:
    """A picture, and how often each cut shows it."""

    picture: Picture
    frames: tuple[tuple[int, int], ...]
    """Number of the cut, number of its frames that show the picture; 0 for a picture that a cut leaves out."""


class Scheduler:
    """Which frames of which cuts show a picture: a frame shows what the clip shows at its time.

    Pictures go in, in order of time, each with the time of the next; cuts may touch and overlap.
    """

    def __init__(self, cuts: Sequence[Cut], fps: int) -> None:
        self._cuts = cuts
        self._fps = fps
        self._written = [0] * len(cuts)
        self.frames = 0
        """Frames of all cuts so far."""
        self._open: list[int] = []
        self._waiting = deque(sorted(range(len(cuts)), key=lambda number: cuts[number].t_start_s))

    @property
    def done(self) -> bool:
        """Whether every cut has all its frames."""
        return not self._open and not self._waiting

    def show(self, picture: Picture, t_next_s: float) -> ScheduledPicture:
        """The frames that show a picture that lasts until ``t_next_s``, seconds; infinite for the last picture."""
        while self._waiting and self._cuts[self._waiting[0]].t_start_s < t_next_s - EARLY_S:
            self._open.append(self._waiting.popleft())
        frames = []
        for number in self._open:
            first = self._written[number] == 0
            count = self._frames_until(number, t_next_s)
            if count or not first:
                frames.append((number, count))
        self._open = [number for number in self._open if self._written[number] < self._cuts[number].frames]
        return ScheduledPicture(picture, tuple(frames))

    def _frames_until(self, number: int, t_next_s: float) -> int:
        cut, written = self._cuts[number], self._written[number]
        count = 0
        while written + count < cut.frames and cut.t_start_s + (written + count) / self._fps < t_next_s - EARLY_S:
            count += 1
        self._written[number] += count
        self.frames += count
        return count


def cut_clip(
    source: Clip,
    cuts: Sequence[Cut],
    *,
    fps: int,
    coding: Coding,
    renderer_of: Callable[["av.VideoFrame"], Renderer],
    progress: Callable[[float], None] = lambda _: None,
) -> Iterator[FinishedCut]:
    """Cut a clip, and yield each video as soon as its file is complete.

    Args:
        source: The clip.
        cuts: In any order; their folders exist.
        fps: Frames a second of the videos; the first frame of each has PTS 0.
        coding: Codec and quality.
        renderer_of: Called with each frame that is shown, in order: its renderer. All make frames of one size.
        progress: Called at each picture that is read, with the seconds of video that are cut.

    Raises:
        SourceError: the clip cannot be read, or ends before a cut begins.
        UsageError: the encoder does not take such pictures.
        OSError: a file cannot be written.
    """
    decode = Decode(source.name, read_facts(source))
    pictures = (item for item in drive(decode, packets(source)) if isinstance(item, Picture))
    scheduler = Scheduler(cuts, fps)
    watched = _watched(pictures, lambda: progress(scheduler.frames / fps))
    writers: dict[int, _Writer] = {}
    try:
        for shown, frame in _rendered(_schedule(watched, scheduler), renderer_of):
            for number, count in shown.frames:
                writer = writers.setdefault(number, _Writer(cuts[number], fps, coding))
                writer.add(frame, count, tags_of(shown.picture.frame))
                if writer.is_complete:
                    yield writers.pop(number).close()
    except BaseException as error:
        for writer in writers.values():
            writer.abandon(error)
        raise
    if not scheduler.done:
        raise SourceError(f"{source.name} ends before {cuts[-1].t_start_s:.3f} s: it is not the clip of its run")


def _watched(pictures: Iterable[Picture], watch: Callable[[], None]) -> Iterator[Picture]:
    """Call ``watch`` at each picture, even one that no cut shows; it may raise to stop the work."""
    for picture in pictures:
        watch()
        yield picture


def _schedule(pictures: Iterable[Picture], scheduler: Scheduler) -> Iterator[ScheduledPicture]:
    """The pictures that a cut shows or leaves out, until all cuts are complete."""
    before: Picture | None = None
    for picture in pictures:
        if before is not None and (shown := scheduler.show(before, picture.t_s)).frames:
            yield shown
        if scheduler.done:
            return
        before = picture
    if before is not None and (shown := scheduler.show(before, float("inf"))).frames:
        yield shown


def _rendered(
    shown: Iterable[ScheduledPicture], renderer_of: Callable[["av.VideoFrame"], Renderer]
) -> "Iterator[tuple[ScheduledPicture, av.VideoFrame | None]]":
    """Render on all cores, at most two pictures a core at once, in order; what no frame shows is not rendered."""
    cores = len(os.sched_getaffinity(0))
    pending: deque[tuple[ScheduledPicture, Future[av.VideoFrame] | None]] = deque()
    with ThreadPoolExecutor(cores, "render") as pool:
        for each in shown:
            frame, is_used = each.picture.frame, any(count for _, count in each.frames)
            pending.append((each, pool.submit(renderer_of(frame), frame) if is_used else None))
            if len(pending) == 2 * cores:
                first, future = pending.popleft()
                yield first, future.result() if future else None
        for first, future in pending:
            yield first, future.result() if future else None


class _Writer:
    """Writes one cut, under a temporary name until it is complete."""

    def __init__(self, cut: Cut, fps: int, coding: Coding) -> None:
        self._cut, self._fps, self._coding = cut, fps, coding
        self._files = ExitStack()
        self._video: VideoWriter | None = None
        self._written = 0
        self._dropped = 0
        self.finished = FinishedCut(cut)

    @property
    def is_complete(self) -> bool:
        return self._written == self._cut.frames

    def add(self, frame: "av.VideoFrame | None", count: int, tags: Tags) -> None:
        """Show a frame ``count`` times; the frame of a picture that is left out is not needed."""
        if frame is None or not count:
            self._dropped += 1
            return
        if self._video is None:
            self._video = self._open(frame, tags)
        if self._written % self._fps == 0:
            self.finished.rgb_histogram += _histogram(frame)
        for _ in range(count):
            self._video.add(frame, self._written / self._fps)
            self._written += 1
        self.finished.repeated += count - 1
        self.finished.dropped += self._dropped
        self._dropped = 0

    def close(self) -> FinishedCut:
        """Finish the file, and give it its name."""
        self._files.close()
        content = self._cut.path.read_bytes()
        self.finished.size_bytes, self.finished.sha256 = len(content), hashlib.sha256(content).hexdigest()
        return self.finished

    def abandon(self, error: BaseException) -> None:
        """Remove the incomplete file."""
        self._files.__exit__(type(error), error, error.__traceback__)

    def _open(self, frame: "av.VideoFrame", tags: Tags) -> VideoWriter:
        size = frame.width, frame.height
        self.finished.width_px, self.finished.height_px = size
        rate = Fraction(self._fps)
        part = self._files.enter_context(replaced_when_whole(self._cut.path))
        return self._files.enter_context(video_writer(part, self._coding, size, tags, VideoTiming(1 / rate, rate)))


def _histogram(frame: "av.VideoFrame") -> "npt.NDArray[np.int64]":
    rgb = frame.to_ndarray(format="rgb24")[::_STATISTICS_STRIDE_PX, ::_STATISTICS_STRIDE_PX]
    return np.stack([np.bincount(rgb[..., channel].ravel(), minlength=256) for channel in range(3)])
