"""The subtask of every frame, and the numbers of subtasks."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from exporters.dataset.episode import Episode
from exporters.dataset.rows import Row
from exporters.dataset.spans import IDLE


def subtask_spans(episode: Episode) -> list[tuple[int, str]]:
    """First frame and text of each subtask, without gaps from frame 0; ``""`` where nothing is described.

    Frames grow. Of two actions that begin on one frame, the later one in the record counts.
    """
    if not episode.actions:
        return []
    texts: dict[int, str] = {0: ""}
    covered = 0
    for action in sorted(episode.actions, key=lambda action: action.t_start_s):
        first, last = frame_at(episode, action.t_start_s), frame_at(episode, action.t_end_s)
        if first >= episode.frames or last <= first:
            continue
        if first > covered:
            texts.setdefault(covered, "")
        texts[first] = action.subtask if action.active else IDLE
        covered = max(covered, last)
    if covered < episode.frames:
        texts[covered] = ""
    spans = sorted(texts.items())
    return [span for number, span in enumerate(spans) if number == 0 or span[1] != spans[number - 1][1]]


def number_subtasks(rows: Sequence[Row], numbers: dict[str, int]) -> dict[str, int]:
    """The numbers of texts, continued with the subtasks of episodes in order of their first appearance."""
    texts = dict(numbers)
    for row in rows:
        for text in ("", *(text for _, text in subtask_spans(row.episode))):
            texts.setdefault(text, len(texts))
    return texts


def subtask_column(episode: Episode, numbers: dict[str, int]) -> npt.NDArray[np.int64]:
    """(frames,) int64: the number of each frame's subtask."""
    column = np.full(episode.frames, numbers[""], np.int64)
    for first, text in subtask_spans(episode):
        column[first:] = numbers[text]
    return column


def frame_at(episode: Episode, t_s: float) -> int:
    """The frame that is nearest to a time, seconds from the episode's start."""
    return round(t_s * episode.fps)
