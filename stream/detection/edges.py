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


def onset(scores: Float64, thresholds: Thresholds) -> Onset:
    """The tail of ``scores`` (n,), n >= 1, with the most evidence. No window counts for more than 1, so that a single
    outlier is little evidence."""
    rise = thresholds.on - thresholds.median
    tails = np.cumsum(np.clip((scores[::-1] - thresholds.on) / rise, -1, 1))
    longest = int(np.argmax(tails))
    return Onset(len(scores) - 1 - longest, float(tails[longest]))


def offset(scores: Float64, level: float) -> int:
    """Index at which the most recent stretch below ``level`` begins: the start of the tail of ``scores`` (n,), possibly
    empty, that falls below the level by the largest sum."""
    return len(scores) - int(np.argmax(np.cumsum(np.append(0.0, level - scores[::-1]))))
