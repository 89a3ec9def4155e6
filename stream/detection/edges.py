"""Where exactly did it begin, and end: edges from the unsmoothed score.

The EMA lags its score by several windows, so its crossings open late and close later still. Both edges are
found as the change point between scores below and above a level: where the cumulative sum of their distances
from it has its extremum (Page, "Continuous inspection schemes", Biometrika 41, 1954).
"""

from __future__ import annotations

import numpy as np

from stream.items import Float64


def onset(scores: Float64, level: float) -> int:
    """Index at which the last stretch above ``level`` begins: of all tails of ``scores`` (n,), n >= 1, not empty,
    the one that rises above it most."""
    return len(scores) - 1 - int(np.argmax(np.cumsum(scores[::-1] - level)))


def offset(scores: Float64, level: float) -> int:
    """Index at which the last stretch below ``level`` begins: of all tails of ``scores`` (n,), the empty one among
    them, the one that falls below it most."""
    return len(scores) - int(np.argmax(np.cumsum(np.append(0.0, level - scores[::-1]))))
