"""One-to-one matching of two sequences of disjoint intervals, exact.

Both sides are sorted, and so are their starts and their ends. If two pairs cross (the earlier prediction with the
later truth and the other way round), uncrossing them loses nothing, under every measure used here: crossing pairs
cannot both overlap, and the larger of two edge errors does not grow. Hence the best order-keeping matching, found by
the dynamic programme of the longest common subsequence, is the best of all matchings.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Float64: TypeAlias = npt.NDArray[np.float64]


def extend(best: Float64, worth: Float64) -> Float64:
    """Admit one more prediction to the matching.

    Args:
        best: (..., T + 1), largest total worth of the predictions so far with the first 0, 1, ... T truths.
        worth: (..., T), of the next prediction with each truth, at least 0; 0 where they may not be matched.

    Returns:
        (..., T + 1), the same with that prediction. Begin with zeros; the last element is the result.
    """
    taken = best.copy()
    taken[..., 1:] = np.maximum(best[..., 1:], best[..., :-1] + worth)
    return np.maximum.accumulate(taken, axis=-1)


def best_pairs(worth: Float64) -> list[tuple[int, int]]:
    """The pairs (prediction, truth) of a matching with the largest total worth.

    Args:
        worth: (P, T), at least 0; pairs worth 0 are never matched.
    """
    tables = [np.zeros(worth.shape[1] + 1)]
    for row in worth:
        tables.append(extend(tables[-1], row))
    pairs = []
    p, t = worth.shape
    while p > 0 and t > 0:
        if tables[p][t] == tables[p - 1][t]:
            p -= 1
        elif tables[p][t] == tables[p][t - 1]:
            t -= 1
        else:
            p, t = p - 1, t - 1
            pairs.append((p, t))
    return pairs[::-1]
