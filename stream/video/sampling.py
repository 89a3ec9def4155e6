"""The sampling of windows: the number of frames and their distance in time."""

from dataclasses import dataclass
from typing import Final, Literal, Self, TypeAlias

import numpy as np

from stream.errors import UsageError
from stream.pipeline.items import Float64

Preset: TypeAlias = Literal["64@30", "64@4", "32@8", "16@8"]
"""Frames @ frames per second: as in the published detection, as in training, and two shorter windows."""

PUBLISHED_S: Final = 64 / 30
"""Length of a window of the published detection, whose windows stand for the time at which they start."""
HOLE_S: Final = 1.0
"""A window with a longer stretch without frames would show a frozen picture."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """``frames`` frames at ``rate_fps``: ``64@30`` is the published detection's, 2.13 s long.

    The cooldown of V-JEPA 2's ViT-L was trained on ``64@4``, 16 s (arXiv:2506.09985).
    """

    frames: int = 64
    rate_fps: float = 30.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``FRAMES@RATE``.

        Raises:
            UsageError: the text has another form.
        """
        frames, _, rate_fps = text.partition("@")
        try:
            return cls(int(frames), float(rate_fps))
        except ValueError as error:
            raise UsageError(f"--window {text} is not a window: expected FRAMES@RATE, as in 64@30") from error

    def __str__(self) -> str:
        return f"{self.frames}@{self.rate_fps:g}"

    @property
    def duration_s(self) -> float:
        """From the first frame's start to the last one's end."""
        return self.frames / self.rate_fps

    @property
    def hole_s(self) -> float:
        """The longest stretch without frames that a window may hold: at low rates two frames are further apart."""
        return max(HOLE_S, 2 / self.rate_fps)

    def lacks_windows(self, windows: int, decoded_s: float) -> bool:
        """Whether a run has no window although its source is long enough for one, whatever the frame rate."""
        return windows == 0 and decoded_s >= self.duration_s + self.hole_s

    def wanted_s(self, first_s: float) -> Float64:
        """The times, (frames,) in seconds, of the frames of a window whose first frame is at ``first_s``."""
        return first_s + np.arange(self.frames) / self.rate_fps

    def sample_s(self, start_s: float, end_s: float) -> float:
        """The time of a window in the detection: its start, as published, or the middle of a longer window.

        An embedding represents what most of its window shows. Of a window of 16 s that starts 8 s before a change of
        work, one half shows the new work already: by starts, all edges of ``64@4`` would come 8 s early.
        """
        return start_s if self.duration_s <= PUBLISHED_S else (start_s + end_s) / 2

    @property
    def around_s(self) -> tuple[float, float]:
        """How far a window's pictures are before and after its ``sample_s``."""
        before_s = self.sample_s(0.0, self.duration_s)
        return before_s, self.duration_s - before_s


PUBLISHED: Final = Sampling()
