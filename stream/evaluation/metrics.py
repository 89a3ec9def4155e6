"""Metrics of predicted events against true ones, as sums that add up over clips.

Every sum may have leading axes, so that a thousand random detectors are counted at once.

Events are matched one to one. The matching is exact: both sides are sorted by start and by end. If two pairs cross (the
earlier prediction with the later true event, and the reverse), uncrossing them loses nothing under the measures used
here, because crossing pairs cannot both overlap, and the larger of the two edge errors does not grow. The best matching
that keeps the order is therefore the best of all, and dynamic programming finds it, as it finds the longest common
subsequence.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Float64: TypeAlias = npt.NDArray[np.float64]

IOU_MIN = (0.3, 0.5, 0.7)
"""Thresholds on the temporal intersection over union (IoU)."""
EDGE_ERROR_MAX_S = (2.0, 5.0)
"""Tolerances for the error of each edge, in seconds."""
CRITERIA = (*(f"iou_{minimum}" for minimum in IOU_MIN), *(f"edges_{limit:g}s" for limit in EDGE_ERROR_MAX_S))
"""Names of the criteria by which a prediction may count as a hit."""

_SLACK = 1e-9  # 62.1 - 60.1 must count as 2 s although binary fractions differ


@dataclass(frozen=True, slots=True)
class Counts:
    """Sums over events; the arrays have the leading axes of the predictions (none for a single detector)."""

    predicted: int
    true: int
    hits: dict[str, Float64]
    """By criterion: pairs in the largest one-to-one matching that the criterion admits."""
    iou_sum: Float64
    """Largest total IoU of a one-to-one matching."""
    predicted_s: Float64
    true_s: float
    overlap_s: Float64

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.predicted + other.predicted,
            self.true + other.true,
            {name: self.hits[name] + other.hits[name] for name in CRITERIA},
            self.iou_sum + other.iou_sum,
            self.predicted_s + other.predicted_s,
            self.true_s + other.true_s,
            self.overlap_s + other.overlap_s,
        )

    def qualities(self) -> dict[str, Float64 | None]:
        """All metrics that are 1 for a perfect detector; None if the denominator is zero.

        ``f1_*`` is 2 hits / (predicted + true) events, and ``time_f1`` the same in seconds. ``mean_iou`` is the mean
        over the true events; an event without a match counts as 0.
        """
        f1 = {f"f1_{name}": ratio(2 * self.hits[name], self.predicted + self.true) for name in CRITERIA}
        return {
            **f1,
            "time_f1": ratio(2 * self.overlap_s, self.predicted_s + self.true_s),
            "mean_iou": ratio(self.iou_sum, self.true),
        }


def ratio(part: Float64, whole: Float64 | float) -> Float64 | None:
    """``part / whole``; None if the whole is zero."""
    wholes = np.asarray(whole, np.float64)
    return part / wholes if (wholes > 0).all() else None


def count(predicted: Float64, true: Float64) -> Counts:
    """Compare predictions with the true events of one clip.

    Args:
        predicted: (..., P, 2) starts and ends in seconds, sorted and disjoint along P.
        true: (T, 2), likewise.
    """
    leading = predicted.shape[:-2]
    best = {name: np.zeros((*leading, len(true) + 1)) for name in (*CRITERIA, "iou")}
    overlap_s = np.zeros(leading)
    for event in np.moveaxis(predicted, -2, 0):
        overlap_s += overlaps_s(event, true).sum(axis=-1)
        for name, weight in _weights(event, true):
            best[name] = extend(best[name], weight)
    return Counts(
        predicted=predicted.shape[-2],
        true=len(true),
        hits={name: best[name][..., -1] for name in CRITERIA},
        iou_sum=best["iou"][..., -1],
        predicted_s=(predicted[..., 1] - predicted[..., 0]).sum(axis=-1),
        true_s=float((true[:, 1] - true[:, 0]).sum()),
        overlap_s=overlap_s,
    )


def overlaps_s(event: Float64, true: Float64) -> Float64:
    """Overlap, (..., T) in seconds, of an interval, (..., 2), with each of (T, 2)."""
    shared: Float64 = np.minimum(event[..., 1:], true[:, 1]) - np.maximum(event[..., :1], true[:, 0])
    return shared.clip(min=0.0)


def ious(event: Float64, true: Float64) -> Float64:
    """IoU, (..., T), of an interval, (..., 2), with each of (T, 2); no interval may be empty."""
    shared = overlaps_s(event, true)
    return shared / (event[..., 1:] - event[..., :1] + true[:, 1] - true[:, 0] - shared)


def _weights(event: Float64, true: Float64) -> Iterator[tuple[str, Float64]]:
    iou = ious(event, true)
    error_s = np.abs(event[..., None, :] - true).max(axis=-1)
    admitted = [iou >= minimum - _SLACK for minimum in IOU_MIN]
    admitted += [error_s <= limit + _SLACK for limit in EDGE_ERROR_MAX_S]
    for name, is_admitted in zip(CRITERIA, admitted, strict=True):
        yield name, is_admitted.astype(np.float64)
    yield "iou", iou


def extend(best: Float64, weight: Float64) -> Float64:
    """Add one more prediction to the matching.

    Args:
        best: (..., T + 1) largest total weight of the predictions so far with the first 0, 1, ... T true events.
        weight: (..., T) weights of the next prediction with each true event, at least 0; 0 if they may not be matched.

    Returns:
        (..., T + 1), the same including that prediction. Begin with zeros; the last element is the result.
    """
    extended = best.copy()
    extended[..., 1:] = np.maximum(best[..., 1:], best[..., :-1] + weight)
    return np.maximum.accumulate(extended, axis=-1)


def best_pairs(weight: Float64) -> list[tuple[int, int]]:
    """The pairs (index of the prediction, index of the true event) of a matching with the largest total weight.

    Args:
        weight: (P, T), at least 0; pairs of weight 0 are never matched.
    """
    tables = [np.zeros(weight.shape[1] + 1)]
    for row in weight:
        tables.append(extend(tables[-1], row))
    pairs = []
    p, t = weight.shape
    while p > 0 and t > 0:
        if tables[p][t] == tables[p - 1][t]:
            p -= 1
        elif tables[p][t] == tables[p][t - 1]:
            t -= 1
        else:
            p, t = p - 1, t - 1
            pairs.append((p, t))
    return pairs[::-1]
