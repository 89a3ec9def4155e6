"""Finds the exact start and end of an anomaly from the unsmoothed score.

The EMA lags the score by several windows, so its threshold crossings open an anomaly late and close it even later. Both
edges are change points between scores below and above a level: the extremum of the cumulative sum of their distances
from that level (Page, "Continuous inspection schemes", Biometrika 41, 1954).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stream.detection.thresholds import Thresholds
from stream.pipeline.items import Float64


class Onset(NamedTuple):
    """The most recent stretch above theta_on."""

    start: int
    """Index of its first window."""
    evidence: float
    """Sum over its windows of the height above theta_on, in units of theta_on - median, each clipped to -1 to 1."""


def onset(scores: Float64, thresholds: Thresholds, fade_ratio: float) -> Onset:
    """The tail of ``scores`` (n,), n >= 1, with the most evidence. No window counts for more than 1, so that a single
    outlier is little evidence. It begins where a share of its mean height is reached, as it ends where that is lost."""
    rise = thresholds.on - thresholds.median
    tails = np.cumsum(np.clip((scores[::-1] - thresholds.on) / rise, -1, 1))
    longest = int(np.argmax(tails))
    start = len(scores) - 1 - longest
    heights = scores[start:] - thresholds.median
    return Onset(start + int(np.argmax(heights >= fade_ratio * heights.mean())), float(tails[longest]))


class Offset(NamedTuple):
    """The most recent stretch below a level."""

    start: int
    """Index of its first window; the number of scores if there is none."""
    depth: float
    """Sum over its windows of the depth below the level, in units of level - median, each clipped to -1 to 1."""


def offset(scores: Float64, level: float, median: float) -> Offset:
    """The tail of ``scores`` (n,), possibly empty, with the greatest depth. No window counts for more than 1."""
    depths = np.clip((level - scores[::-1]) / (level - median), -1, 1)
    tails = np.cumsum(np.append(0.0, depths))
    longest = int(np.argmax(tails))
    return Offset(len(scores) - longest, float(tails[longest]))
