"""How good is what a variant found: figures of one clip, or of several pooled."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stream.detection.thresholds import median_and_sigma, weighted_samples
from stream.evaluation.evaluation import EvaluationRow, Judgement, judge
from stream.evaluation.metrics import EDGE_ERROR_MAX_S
from stream.evaluation.types import Stretch, edges_of
from stream.pipeline.items import Float64
from tests.tools.ablation.detectors import Found

NEAR_S = EDGE_ERROR_MAX_S[0]
"""An edge is right when a true one lies within this many seconds."""
_NO_EVENTS: EvaluationRow = dict.fromkeys(judge((), (), 0.0).row())


@dataclass(frozen=True, slots=True)
class VariantOutcome:
    """What a variant found beside the truth. Outcomes of different clips add up."""

    judgement: Judgement | None
    """None for a detector that knows no events."""
    edges: int
    right_edges: int
    separations: Float64
    """Of each window in a true anomaly: how far its score lies above the clip's normal ones, in their deviations."""

    def __add__(self, other: "VariantOutcome") -> "VariantOutcome":
        both = self.judgement and other.judgement and self.judgement + other.judgement
        return VariantOutcome(
            both,
            self.edges + other.edges,
            self.right_edges + other.right_edges,
            np.append(self.separations, other.separations),
        )

    def row(self) -> EvaluationRow:
        """All figures, flat; what a detector of edges cannot say of events is None."""
        return {
            **(self.judgement.row() if self.judgement else _NO_EVENTS),
            "edges": self.edges,
            "right_edges": self.right_edges,
            "separability": float(np.median(self.separations)) if len(self.separations) else None,
        }


def outcome(detection: Found, true: Sequence[Stretch], duration_s: float) -> VariantOutcome:
    """Hold what was found in a clip of ``duration_s`` against what is true there."""
    true_edges_s = edges_of(true).ravel()
    errors_s = np.abs(detection.edges_s[:, None] - true_edges_s).min(axis=1, initial=np.inf)
    return VariantOutcome(
        judgement=None if detection.anomalies is None else judge(detection.anomalies, true, duration_s),
        edges=len(detection.edges_s),
        right_edges=int(np.sum(errors_s <= NEAR_S)),
        separations=separations(detection, true),
    )


def separations(detection: Found, true: Sequence[Stretch]) -> Float64:
    """(n,) for the n scores of windows that start in a true anomaly: their distance from the median of all others, over
    1.4826 times the others' median absolute deviation.

    The median of these is the separability: it says how well scores tell, whatever the threshold. Empty where there are
    no others, or they do not spread.
    """
    inside = np.zeros(len(detection.scores), bool)
    for event in true:
        inside |= (event.t_start_s <= detection.scored_at_s) & (detection.scored_at_s < event.t_end_s)
    if inside.all():
        return np.zeros(0)
    median, sigma = median_and_sigma(weighted_samples(detection.scores[~inside]))
    return (detection.scores[inside] - median) / sigma if sigma > 0 else np.zeros(0)
