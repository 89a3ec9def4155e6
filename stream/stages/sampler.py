"""The frame sampler, which chooses the frames of each window by their times."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np

from models.encoders.encoder import FrameStore
from stream.pipeline.items import EncoderFrame, Float64
from stream.video.sampling import Sampling

ROUNDING_S: Final = 1e-6
"""Tolerance by which a PTS may precede the wanted time, since times are rounded to float64."""


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """An encoder frame that is part of a window, in the encoder's store."""

    t_s: float
    duration_s: float
    slot: int


@dataclass(slots=True)
class PendingWindow:
    """The frames that one window has so far."""

    number: int
    """0, 1, 2, ...: its first frame is the one nearest to ``number * stride_s``."""
    wanted_s: Float64
    """(T,) the wanted times of its frames; the first is the first frame's own time."""
    frames: list[StoredFrame] = field(default_factory=list)
    whole: bool = False
    """Whether it has all frames, begins near its wanted time, and has no long hole."""

    @property
    def first_s(self) -> float:
        """Time of the first frame."""
        return float(self.wanted_s[0])

    @property
    def t_end_s(self) -> float:
        """End of the last frame."""
        return self.frames[-1].t_s + self.frames[-1].duration_s


class SamplingStats:
    """Statistics on how closely the source's frames match the wanted times."""

    def __init__(self) -> None:
        self._first_s = self._last_s = 0.0
        self._received = self._windows = self._broken = self._frames = self._repeated = 0
        self._farthest_s = 0.0

    def received(self, t_s: float) -> None:
        """Count an encoder frame."""
        self._first_s = self._first_s if self._received else t_s
        self._last_s = t_s
        self._received += 1

    def window(self, window: PendingWindow) -> None:
        """Count a complete window; frames of one with a hole do not count."""
        if not window.whole:
            self._broken += 1
            return
        times_s = _times_s(window)
        self._windows += 1
        self._frames += len(times_s)
        self._repeated += int((np.diff(times_s) == 0).sum())
        self._farthest_s = max(self._farthest_s, float(np.abs(times_s - window.wanted_s).max()))

    def facts(self) -> dict[str, object]:
        """Statistics for the record; JSON types only."""
        span_s = self._last_s - self._first_s
        return {
            "windows": self._windows,
            "left_out_for_holes": self._broken,
            "source_fps": round((self._received - 1) / span_s, 3) if span_s > 0 else None,
            "repeated_share": round(self._repeated / max(1, self._frames), 4),
            "farthest_ms": round(self._farthest_s * 1000, 3),
        }


class FrameSampler:
    """Chooses the frames of windows as encoder frames arrive, and stores only those.

    Window ``k`` begins with the frame nearest to ``k * stride_s`` and takes the frames nearest to that frame's
    time plus 0, 1, 2, ... periods of the sampling's rate: every frame of a 30 fps or 29.97 fps source at 30, every
    second one of 60 fps, some twice at 25 fps. The nearest frame is known once one at or after the wanted time has
    arrived, so that besides the chosen ones only the newest two are needed.
    """

    def __init__(self, sampling: Sampling, stride_s: float, store: FrameStore) -> None:
        self._sampling = sampling
        self._stride_s = stride_s
        self._store = store
        self._newest: EncoderFrame | None = None
        self._open: deque[PendingWindow] = deque()
        """Windows whose first frame is known, in order."""
        self._next = 0
        """The next window to open."""
        self._frames: dict[int, StoredFrame] = {}
        """The frames in the store, by their index."""
        self._stats = SamplingStats()

    @property
    def next_number(self) -> int:
        """The first window that is not complete."""
        return self._open[0].number if self._open else self._next

    @property
    def needed_from_s(self) -> float:
        """Stream time of the first frame that the windows from ``next_number`` on need."""
        if self._open:
            return self._open[0].first_s
        return self._newest.t_s if self._newest else 0.0

    def add(self, frame: EncoderFrame) -> Iterator[PendingWindow]:
        """Take the next frame; yield the windows that it completes, in order."""
        before = self._newest or frame
        self._newest = frame
        self._stats.received(frame.t_s)
        while (start_s := self._next * self._stride_s) <= frame.t_s + ROUNDING_S:
            first_s = _nearest(before, frame, start_s).t_s
            self._open.append(PendingWindow(self._next, self._sampling.wanted_s(first_s)))
            self._next += 1
        for window in self._open:
            self._pick(window, before, frame)
        while self._open and len(self._open[0].frames) == self._sampling.frames:
            window = self._open.popleft()
            window.whole = self._is_whole(window)
            self._stats.window(window)
            yield window

    def forget(self) -> None:
        """Drop the frames that no later window needs."""
        needed_from_s = self.needed_from_s
        for index in [index for index, frame in self._frames.items() if frame.t_s < needed_from_s]:
            self._store.drop(self._frames.pop(index).slot)

    def clear(self, next_number: int) -> None:
        """Drop all frames and windows, and continue with the window ``next_number``."""
        self._newest, self._next = None, next_number
        self._open.clear()
        for frame in self._frames.values():
            self._store.drop(frame.slot)
        self._frames.clear()

    def facts(self) -> dict[str, object]:
        """The sampling and its statistics, for the record; JSON types only."""
        return {"sampling": str(self._sampling), "stride_s": self._stride_s, **self._stats.facts()}

    def _pick(self, window: PendingWindow, before: EncoderFrame, frame: EncoderFrame) -> None:
        """Add the frames whose wanted time has come: ``before`` or ``frame``, whichever is nearer."""
        for wanted_s in window.wanted_s[len(window.frames) :]:
            if wanted_s > frame.t_s + ROUNDING_S:
                return
            window.frames.append(self._stored(_nearest(before, frame, wanted_s)))

    def _is_whole(self, window: PendingWindow) -> bool:
        late_s = abs(window.first_s - window.number * self._stride_s)
        longest_s = max(after.t_s - before.t_s for before, after in pairwise(window.frames))
        farthest_s = float(np.abs(_times_s(window) - window.wanted_s).max())  # only this finds a hole at the end
        is_covered = longest_s <= self._sampling.hole_s and farthest_s <= self._sampling.hole_s / 2 + ROUNDING_S
        return late_s < self._stride_s / 2 and is_covered

    def _stored(self, frame: EncoderFrame) -> StoredFrame:
        """Put the frame into the store, if it is not there yet."""
        if frame.index not in self._frames:
            self._frames[frame.index] = StoredFrame(frame.t_s, frame.duration_s, self._store.put(frame.rgb))
        return self._frames[frame.index]


def _times_s(window: PendingWindow) -> Float64:
    """(T,) times of the window's frames."""
    return np.array([frame.t_s for frame in window.frames])


def _nearest(before: EncoderFrame, after: EncoderFrame, t_s: float) -> EncoderFrame:
    return before if abs(before.t_s - t_s) <= abs(after.t_s - t_s) else after
