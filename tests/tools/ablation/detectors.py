"""Detectors of one clip's windows, at least two of them usable: the causal, the published and the naive one."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from stream.detection.detector import CausalDetector, Change
from stream.detection.offline import detect_offline
from stream.detection.options import DetectorOptions
from stream.detection.replay import consecutive_distances
from stream.evaluation.types import Stretch, edges_of, joined
from stream.pipeline.items import Float64
from tests.tools.ablation.series import EmbeddingSeries

PEAK_SIGMAS = 2.0
"""A peak of the naive detector stands this many standard deviations above the mean."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a detector says of one clip."""

    scored_at_s: Float64
    """(M,) starts of the windows that have a score."""
    scores: Float64
    """(M,) unsmoothed: how unusual each is."""
    edges_s: Float64
    """(E,) where it says that the work changes."""
    anomalies: tuple[Stretch, ...] | None
    """None for a detector that knows only edges, not what lies between them."""


def causal(series: EmbeddingSeries, options: DetectorOptions) -> Found:
    """The detector of the chain, window by window; an anomaly that is still on at the end ends with the clip."""
    detector = CausalDetector(options)
    scored: list[tuple[float, float]] = []
    changes: list[tuple[Change, float | None]] = []
    for t_start_s, known_s, unit in zip(series.t_start_s, series.known_s, series.units(), strict=True):
        step = detector.push(t_start_s, unit)
        if step.score is not None:
            scored.append((t_start_s, step.score))
        if step.change:
            changes.append((step.change, known_s))
    changes += [(change, None) for change in detector.finish()]
    at_s, scores = np.array(scored, np.float64).reshape(-1, 2).T
    return _with_events(at_s, scores, _anomalies(changes, series.duration_s))


def offline(series: EmbeddingSeries, options: DetectorOptions) -> Found:
    """The published detection, which needs the whole clip: nothing of it is known before the end."""
    usable = series.usable()
    detection = detect_offline(usable.units, usable.t_s, options)
    edges_s = np.append(usable.t_s, series.duration_s)
    events = [Stretch(float(edges_s[start]), float(edges_s[stop])) for start, stop in detection.anomalies]
    return _with_events(usable.t_s, detection.scores, events)


def adjacent_windows(series: EmbeddingSeries, _: DetectorOptions) -> Found:
    """The naive one: an edge wherever two neighbours differ much.

    That is at peaks of the consecutive cosine distance above its mean by ``PEAK_SIGMAS`` standard deviations.
    """
    usable = series.usable()
    distances = consecutive_distances([usable.units.astype(np.float32)])
    before, after = np.append(-np.inf, distances[:-1]), np.append(distances[1:], -np.inf)
    high = distances > distances.mean() + PEAK_SIGMAS * distances.std()
    peaks = high & (distances > before) & (distances >= after)
    return Found(usable.t_s[1:], distances, usable.t_s[1:][peaks], None)


def _with_events(scored_at_s: Float64, scores: Float64, events: list[Stretch]) -> Found:
    anomalies = joined(events)
    return Found(scored_at_s, scores, edges_of(anomalies).ravel(), anomalies)


def _anomalies(changes: list[tuple[Change, float | None]], duration_s: float) -> list[Stretch]:
    """The stretches from each anomalous change to the next one, with the times at which their edges were known."""
    last: tuple[Change, float | None] = (Change(duration_s, "typical", "end_of_stream"), None)
    return [
        Stretch(start.t_s, end.t_s, opened_at_s, closed_at_s)
        for (start, opened_at_s), (end, closed_at_s) in pairwise([*changes, last])
        if start.kind == "anomalous"
    ]
