"""Statistics of a data set's features, exact over all frames; of the pictures, over about one a second.

They are computed from the number of times that each value occurs, so memory does not grow with the frames. Quantiles
are those of everything, and not averaged over episodes, which LeRobot up to 0.6.1 did and 0.6.1 undid.
"""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from exporters.dataset.rows import Row
from exporters.lerobot.frames import Numbering
from exporters.lerobot.subtasks import subtask_column

QUANTILES: Final = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}

Statistics = dict[str, Any]
Values = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


def frame_statistics(numbering: Numbering) -> dict[str, Statistics]:
    """Of the columns that every data set has; every entry is a list of one number."""
    lengths = numbering.lengths
    task_counts = np.zeros(len(numbering.tasks), np.int64)
    np.add.at(task_counts, numbering.task_of, lengths)
    longest = int(lengths.max())
    frames = np.arange(longest, dtype=np.float64)
    frame_counts = len(lengths) - np.searchsorted(np.sort(lengths), np.arange(longest), side="right")
    times = (np.arange(longest) / numbering.fps).astype(np.float32).astype(np.float64)
    return {
        "timestamp": _of_values(times, frame_counts),
        "frame_index": _of_values(frames, frame_counts),
        "episode_index": _of_values(np.arange(len(lengths), dtype=np.float64), lengths),
        "index": _of_range(numbering.frames),
        "task_index": _of_values(np.arange(len(task_counts), dtype=np.float64), task_counts),
    }


def subtask_statistics(numbering: Numbering, numbers: dict[str, int]) -> Statistics:
    """Of the numbers of all frames' subtasks."""
    counts = np.zeros(len(numbers), np.int64)
    for row in numbering.rows:
        counts += np.bincount(subtask_column(row.episode, numbers), minlength=len(numbers))
    return _of_values(np.arange(len(numbers), dtype=np.float64), counts)


def column_statistics(column: npt.NDArray[Any]) -> Statistics:
    """Of the frames of one episode, (frames,) numbers; without quantiles."""
    values, counts = np.unique(column.astype(np.float64), return_counts=True)
    return counted(values, counts)


def counted(values: Values, counts: Counts) -> Statistics:
    """Extremes, mean, standard deviation and number of values that grow, each of which occurs so often."""
    total = int(counts.sum())
    mean = float(values @ counts) / total
    shown = values[counts > 0]
    return {
        "min": [float(shown[0])],
        "max": [float(shown[-1])],
        "mean": [mean],
        "std": [float(np.sqrt((values - mean) ** 2 @ counts / total))],
        "count": [total],
    }


def quantiles(values: Values, counts: Counts) -> Statistics:
    """Quantiles of values that grow, each of which occurs so often; linear between two, as ``numpy.quantile``."""
    below = np.cumsum(counts)
    places = np.array(list(QUANTILES.values())) * (below[-1] - 1)
    low = values[np.searchsorted(below, np.floor(places), side="right")]
    high = values[np.searchsorted(below, np.ceil(places), side="right")]
    found = low + (high - low) * (places - np.floor(places))
    return {name: [float(value)] for name, value in zip(QUANTILES, found, strict=True)}


def picture_statistics(rows: Iterable[Row], *, with_quantiles: bool = True) -> Statistics:
    """Of the pictures, from their histograms: (3, 1, 1) nested lists in 0..1, and the number of frames."""
    counts, frames = np.zeros((3, 256), np.int64), 0
    for row in rows:
        counts += np.frombuffer(row.clip.rgb_histogram, "<i8").reshape(3, 256)
        frames += row.episode.frames
    values = np.arange(256) / 255.0
    channels = [counted(values, channel) for channel in counts]
    found = {name: [[each[name]] for each in channels] for name in ("min", "max", "mean", "std")}
    if with_quantiles:
        shares = [quantiles(values, channel) for channel in counts]
        found |= {name: [[each[name]] for each in shares] for name in QUANTILES}
    return {**found, "count": [frames]}


def _of_values(values: Values, counts: Counts) -> Statistics:
    return counted(values, counts) | quantiles(values, counts)


def _of_range(count: int) -> Statistics:
    """Of the numbers 0 to ``count`` - 1. The variance of a discrete uniform distribution is (n^2 - 1) / 12."""
    last = float(count - 1)
    std = float(np.sqrt((count**2 - 1) / 12))
    found = {"min": [0.0], "max": [last], "mean": [last / 2], "std": [std], "count": [count]}
    return found | {name: [share * last] for name, share in QUANTILES.items()}
