"""The published detection, which needs the whole clip; the reference for the causal detector.

EgoClean (calicartels/EgoClean on GitHub): typicality of a window = mean cosine to all other windows; score =
1 - typicality; EMA with alpha 0.15; theta_on = Otsu's threshold of the EMA; theta_off = median + 0.5 (theta_on -
median); debounce 3 and 3; shortest 3 s. Otsu splits even a distribution with only one class: this detector finds
anomalies on a clip that has none. The causal detector's floor prevents that.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stream.detection.centroid import unit_rows
from stream.detection.options import DetectorOptions
from stream.detection.thresholds import SMALLEST_RISE, Thresholds, WeightedSamples, otsu
from stream.pipeline.items import Float64

OTSU_BINS = 256


class OfflineResult(NamedTuple):
    """The data of the published figures."""

    scores: Float64
    """(N,) 1 - typicality."""
    smoothed: Float64
    """(N,) EMA of the scores."""
    thresholds: Thresholds
    anomalies: list[tuple[int, int]]
    """Half-open ranges of windows."""


def typicality_scores(embeddings: npt.NDArray[np.floating]) -> Float64:
    """(N, ...) embeddings, N >= 2, to (N,) scores in [0, 2]: 1 - mean cosine to all others.

    A mean of cosines is one dot product with the sum of the unit vectors, so this takes O(N D) time and O(D) memory in
    addition to the embeddings. Raises ``InputError`` for an embedding that is zero or not finite.
    """
    total: Float64 = functools.reduce(np.add, unit_rows(embeddings))
    others = len(embeddings) - 1
    return np.array([1 - (float(unit @ total) - 1) / others for unit in unit_rows(embeddings)])


def moving_average(scores: Float64, alpha: float) -> Float64:
    """(N,) exponential moving average that starts at the first score."""
    smoothed = scores.copy()
    for i in range(1, len(scores)):
        smoothed[i] = alpha * scores[i] + (1 - alpha) * smoothed[i - 1]
    return smoothed


def published_thresholds(smoothed: Float64, hysteresis: float) -> Thresholds:
    """Otsu's threshold of a 256-bin histogram over the range of the values, with hysteresis.

    Values that differ only by rounding do not form two classes: none exceeds their threshold.
    """
    median = float(np.median(smoothed))
    if np.ptp(smoothed) < SMALLEST_RISE:
        return Thresholds(median, float(smoothed.max()), median)
    counts, edges = np.histogram(smoothed, bins=OTSU_BINS)
    on = otsu(WeightedSamples((edges[:-1] + edges[1:]) / 2, counts.astype(np.float64))).threshold
    return Thresholds(median, on, median + hysteresis * (on - median))


def debounce(smoothed: Float64, thresholds: Thresholds, on_windows: int, off_windows: int) -> list[tuple[int, int]]:
    """Half-open ranges of windows, each from the first of ``on_windows`` in a row above theta_on to the first of
    ``off_windows`` in a row below theta_off, or to the end."""
    ranges: list[tuple[int, int]] = []
    start: int | None = None
    run = 0
    for i, value in enumerate(smoothed):
        outside = value > thresholds.on if start is None else value < thresholds.off
        run = run + 1 if outside else 0
        if start is None and run == on_windows:
            start, run = i - on_windows + 1, 0
        elif start is not None and run == off_windows:
            ranges.append((start, i - off_windows + 1))
            start, run = None, 0
    return ranges if start is None else [*ranges, (start, len(smoothed))]


def window_edges_s(times_s: Float64) -> Float64:
    """N window starts to N + 1 edges: a window lasts until the next one, the last as long as the one before it, and a
    single one 1 s."""
    stride_s = times_s[-1] - times_s[-2] if len(times_s) > 1 else 1.0
    return np.append(times_s, times_s[-1] + stride_s)


def detect_offline(embeddings: npt.NDArray[np.floating], times_s: Float64, options: DetectorOptions) -> OfflineResult:
    """The published result for (N, ...) embeddings, N >= 2, of windows that start at ``times_s`` (N,), ascending."""
    return detect_from_scores(typicality_scores(embeddings), times_s, options)


def detect_from_scores(scores: Float64, times_s: Float64, options: DetectorOptions) -> OfflineResult:
    """The published result from the scores (N,), N >= 2, of windows that start at ``times_s`` (N,), ascending."""
    smoothed = moving_average(scores, options.alpha)
    thresholds = published_thresholds(smoothed, options.hysteresis)
    edges_s = window_edges_s(times_s)
    anomalies = [
        (start, stop)
        for start, stop in debounce(smoothed, thresholds, options.debounce_on, options.debounce_off)
        if edges_s[stop] - edges_s[start] >= options.shortest_s
    ]
    return OfflineResult(scores, smoothed, thresholds, anomalies)
