"""Finds the anomalies in a whole array of embeddings, with either detector."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from stream.detection.centroid import unit_rows
from stream.detection.detector import CausalDetector, Change, Step
from stream.detection.offline import detect_offline, window_edges_s
from stream.detection.options import DetectorOptions
from stream.detection.thresholds import Thresholds
from stream.pipeline.facts import SegmentKind
from stream.pipeline.items import Float64


@dataclass(frozen=True)
class Anomaly:
    """One stretch of anomalous work, ``[t_start_s, t_end_s)``."""

    t_start_s: float
    t_end_s: float
    kind: SegmentKind
    score_mean: float
    score_max: float
    theta_on: float
    theta_off: float
    detected_at_s: float | None = None
    """Start of the window that detected it, whose thresholds these are; None for the offline detector."""


def find_offline(embeddings: npt.NDArray[np.floating], times_s: Float64, options: DetectorOptions) -> list[Anomaly]:
    """The published detection over embeddings (N, ...) of windows that start at ``times_s`` (N,), ascending.

    A single window cannot be compared with others, so it gives no anomaly. Raises ``InputError`` for an embedding that
    is zero or not finite.
    """
    if len(embeddings) < 2:
        return []
    found = detect_offline(embeddings, times_s, options)
    edges_s = window_edges_s(times_s)
    return [
        _measured(edges_s[start], edges_s[stop], found.scores[start:stop], found.thresholds)
        for start, stop in found.anomalies
    ]


def find_causally(embeddings: npt.NDArray[np.floating], times_s: Float64, options: DetectorOptions) -> list[Anomaly]:
    """The causal detection over the same input, window by window. It finds none during the warm-up.

    Raises ``InputError`` for an embedding that is zero or not finite, and for times that do not ascend.
    """
    detector = CausalDetector(options)
    steps = [detector.push(float(t_s), unit) for t_s, unit in zip(times_s, unit_rows(embeddings), strict=True)]
    changes: list[tuple[Step | None, Change]] = [(step, step.change) for step in steps if step.change]
    changes += [(steps[-1], change) for change in detector.finish()]
    scores = np.array([step.score for step in steps], dtype=np.float64)
    end_s = float(window_edges_s(times_s)[-1])
    anomalies = []
    for (opening, change), (_, following) in pairwise([*changes, (None, Change(end_s, "typical", "end_of_stream"))]):
        if opening and opening.thresholds and change.kind == "anomalous":
            inside = scores[(change.t_s <= times_s) & (times_s < following.t_s)]
            anomalies.append(_measured(change.t_s, following.t_s, inside, opening.thresholds, opening.t_start_s))
    return anomalies


def _measured(
    start_s: float, end_s: float, scores: Float64, thresholds: Thresholds, detected_at_s: float | None = None
) -> Anomaly:
    return Anomaly(
        t_start_s=float(start_s),
        t_end_s=float(end_s),
        kind="anomalous",
        score_mean=float(scores.mean()),
        score_max=float(scores.max()),
        theta_on=thresholds.on,
        theta_off=thresholds.off,
        detected_at_s=detected_at_s,
    )
