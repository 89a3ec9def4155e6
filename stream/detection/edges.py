"""Where exactly did it begin, and end: edges from the unsmoothed score.

The EMA lags its score by several windows, so its crossings open late and close later still. Both edges are
found as the change point between scores below and above a level: where the cumulative sum of their distances
from it has its extremum (Page, "Continuous inspection schemes", Biometrika 41, 1954).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stream.detection.thresholds import Thresholds
from stream.pipeline.items import Float64


class Onset(NamedTuple):
    """The last stretch above theta_on."""

    start: int
    """Index at which it begins."""
    evidence: float
    """Sum of its windows' heights above theta_on, in heights of theta_on above the median, each from -1 to 1."""


def onset(scores: Float64, thresholds: Thresholds) -> Onset:
    """Of all tails of ``scores`` (n,), n >= 1, not empty, the one with most evidence. No window counts for more than
    1: a freak score alone is little evidence."""
    rise = thresholds.on - thresholds.median
    tails = np.cumsum(np.clip((scores[::-1] - thresholds.on) / rise, -1, 1))
    longest = int(np.argmax(tails))
    return Onset(len(scores) - 1 - longest, float(tails[longest]))


def offset(scores: Float64, level: float) -> int:
    """Index at which the last stretch below ``level`` begins: of all tails of ``scores`` (n,), the empty one among
    them, the one that falls below it most."""
    return len(scores) - int(np.argmax(np.cumsum(np.append(0.0, level - scores[::-1]))))
