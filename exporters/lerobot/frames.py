"""The columns of frames, for runs of episodes: one row for each frame of the video."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from exporters.dataset.rows import Row

Column = npt.NDArray[Any]


@dataclass(frozen=True)
class Numbering:
    """The numbers of episodes, frames and tasks in a data set."""

    rows: Sequence[Row]
    fps: int
    tasks: dict[str, int]
    """Number of each task's text, in order of first appearance."""
    task_of: npt.NDArray[np.int64]
    """(episodes,): number of each episode's task."""
    first_index: npt.NDArray[np.int64]
    """(episodes + 1,): index of each episode's first frame, and at the end the number of all frames."""

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """(episodes,): number of each episode's frames."""
        return np.diff(self.first_index)

    @property
    def frames(self) -> int:
        """Number of all frames."""
        return int(self.first_index[-1])


def number(rows: Sequence[Row]) -> Numbering:
    """Number episodes in their order."""
    tasks: dict[str, int] = {}
    task_of, first_index = np.zeros(len(rows), np.int64), np.zeros(len(rows) + 1, np.int64)
    for index, row in enumerate(rows):
        task_of[index] = tasks.setdefault(row.episode.caption, len(tasks))
        first_index[index + 1] = first_index[index] + row.episode.frames
    return Numbering(rows, rows[0].episode.fps, tasks, task_of, first_index)


def frame_columns(numbering: Numbering, start: int, stop: int) -> dict[str, Column]:
    """The columns of the frames of episodes ``start`` to ``stop``: ``FRAME_COLUMNS``, in its order and dtypes.

    A frame's timestamp is its number over the rate, rounded once to float32; times never add up.
    """
    lengths = numbering.lengths[start:stop]
    frame_index = np.concatenate([np.arange(length, dtype=np.int64) for length in lengths])
    return {
        "timestamp": (frame_index / numbering.fps).astype(np.float32),
        "frame_index": frame_index,
        "episode_index": np.repeat(np.arange(start, stop, dtype=np.int64), lengths),
        "index": np.arange(numbering.first_index[start], numbering.first_index[stop], dtype=np.int64),
        "task_index": np.repeat(numbering.task_of[start:stop], lengths),
    }
