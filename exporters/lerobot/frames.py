"""The columns of frames, for runs of episodes: one row for each frame of the video."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from exporters.dataset.store import Row

Column = npt.NDArray[Any]


@dataclass(frozen=True)
class Numbering:
    """The numbers of episodes, frames and tasks in a data set."""

    rows: Sequence[Row]
    tasks: dict[str, int]
    """Number of each task's text, in order of first appearance."""
    first_index: tuple[int, ...]
    """Index of each episode's first frame, and at the end the number of all frames."""

    @property
    def frames(self) -> int:
        """Number of all frames."""
        return self.first_index[-1]


def number(rows: Sequence[Row]) -> Numbering:
    """Number episodes in their order."""
    tasks: dict[str, int] = {}
    first_index = [0]
    for row in rows:
        tasks.setdefault(row.episode.caption, len(tasks))
        first_index.append(first_index[-1] + row.episode.frames)
    return Numbering(rows, tasks, tuple(first_index))


def frame_columns(numbering: Numbering, start: int, stop: int) -> dict[str, Column]:
    """The columns of the frames of episodes ``start`` to ``stop``: ``FRAME_COLUMNS``, in its order and dtypes.

    A frame's timestamp is its number over the rate, rounded once to float32; times never add up.
    """
    rows = numbering.rows[start:stop]
    lengths = np.array([row.episode.frames for row in rows])
    fps = rows[0].episode.fps
    frame_index = np.concatenate([np.arange(length, dtype=np.int64) for length in lengths])
    return {
        "timestamp": (frame_index / fps).astype(np.float32),
        "frame_index": frame_index,
        "episode_index": np.repeat(np.arange(start, stop, dtype=np.int64), lengths),
        "index": np.arange(numbering.first_index[start], numbering.first_index[stop], dtype=np.int64),
        "task_index": np.repeat(
            np.array([numbering.tasks[row.episode.caption] for row in rows], dtype=np.int64), lengths
        ),
    }
