"""How much of the true events was found, as sums that add up over clips.

Every sum may carry leading axes, so that a thousand random detectors are counted at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from stream.evaluation.matching import Float64, extend

IOU_LEAST = (0.3, 0.5, 0.7)
"""Thresholds on the temporal intersection over union."""
EDGE_MOST_S = (2.0, 5.0)
"""Tolerances on the error of both edges, seconds."""
CRITERIA = (*(f"iou_{least}" for least in IOU_LEAST), *(f"edges_{most:g}s" for most in EDGE_MOST_S))
"""Names of the rules by which a prediction may count as a true event found."""

_SLACK = 1e-9  # 62.1 - 60.1 is 2 s also in binary fractions


@dataclass(frozen=True, slots=True)
class Counts:
    """Sums over events; the arrays have the leading axes of the predictions, none for a single detector."""

    predicted: int
    true: int
    hits: dict[str, Float64]
    """By criterion: pairs in the largest one-to-one matching that it admits."""
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
        """All figures that are 1 for a perfect detector; None where the denominator is zero.

        ``f1_*`` is 2 hits / (predicted + true) events; ``time_f1`` the same in seconds; ``mean_iou`` is taken over
        the true events, 0 for one that has no partner.
        """
        found = {f"f1_{name}": ratio(2 * self.hits[name], self.predicted + self.true) for name in CRITERIA}
        return {
            **found,
            "time_f1": ratio(2 * self.overlap_s, self.predicted_s + self.true_s),
            "mean_iou": ratio(self.iou_sum, self.true),
        }


def ratio(part: Float64, whole: Float64 | float) -> Float64 | None:
    """``part / whole``, None where there is no whole."""
    wholes = np.asarray(whole, np.float64)
    return part / wholes if (wholes > 0).all() else None


def count(predicted: Float64, true: Float64) -> Counts:
    """Compare predictions with the true events of one clip.

    Args:
        predicted: (..., P, 2), starts and ends in seconds, sorted and disjoint along P.
        true: (T, 2), the same.
    """
    leading = predicted.shape[:-2]
    best = {name: np.zeros((*leading, len(true) + 1)) for name in (*CRITERIA, "iou")}
    overlap_s = np.zeros(leading)
    for event in np.moveaxis(predicted, -2, 0):
        overlap_s += overlaps_s(event, true).sum(axis=-1)
        for name, worth in _worths(event, true):
            best[name] = extend(best[name], worth)
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
    """(..., T) seconds that an interval, (..., 2), shares with each of (T, 2)."""
    shared: Float64 = np.minimum(event[..., 1:], true[:, 1]) - np.maximum(event[..., :1], true[:, 0])
    return shared.clip(min=0.0)


def ious(event: Float64, true: Float64) -> Float64:
    """(..., T) intersection over union of an interval, (..., 2), with each of (T, 2); none may be empty."""
    shared = overlaps_s(event, true)
    return shared / (event[..., 1:] - event[..., :1] + true[:, 1] - true[:, 0] - shared)


def _worths(event: Float64, true: Float64) -> Iterator[tuple[str, Float64]]:
    iou = ious(event, true)
    error_s = np.abs(event[..., None, :] - true).max(axis=-1)
    admitted = [iou >= least - _SLACK for least in IOU_LEAST] + [error_s <= most + _SLACK for most in EDGE_MOST_S]
    for name, may in zip(CRITERIA, admitted, strict=True):
        yield name, may.astype(np.float64)
    yield "iou", iou
