"""Run both detectors again over stored windows, in memory that does not grow with them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from stream.detection.detector import CausalDetector, Step
from stream.detection.history import sketch
from stream.detection.offline import OfflineResult, detect_from_scores
from stream.detection.options import DetectorOptions
from stream.detection.segmenter import Segmenter
from stream.detection.thresholds import Thresholds
from stream.pipeline.facts import SegmentClosed, SegmentOpened
from stream.pipeline.items import Float32, Float64
from stream.pipeline.stage import State

NO_THRESHOLDS = Thresholds(np.nan, np.nan, np.nan)

UnitBlocks: TypeAlias = Callable[[], Iterable[Float32]]
"""Reads all windows in order, as blocks of unit vectors, (n, D) float32."""


@dataclass(frozen=True, slots=True)
class Replay:
    """The causal detector's results over a clip's windows."""

    steps: list[Step]
    """N, one a window."""
    opened: dict[str, SegmentOpened]
    """By segment."""
    closed: tuple[SegmentClosed, ...]
    sketches: Float32
    """(N, 128) float32: each window's sketch."""


def replay(
    blocks: UnitBlocks, t_s: Float64, t_end_s: float, options: DetectorOptions, normal: State | None = None
) -> Replay:
    """Run the causal detector as the live chain does.

    The length of a window is not stored, so its results are dated with its start.

    Args:
        blocks: the windows' temporal tokens.
        t_s: (N,) float64 window starts, seconds, rising.
        t_end_s: end of the last window's stride, seconds.
        options: the detector's.
        normal: what it begins with, of a run with a warm start.
    """
    detector, segmenter = CausalDetector(options, normal), Segmenter(options)
    steps: list[Step] = []
    items: list[SegmentOpened | SegmentClosed] = []
    sketches: list[Float32] = []
    for block in blocks():
        for row in block:
            unit = row.astype(np.float64)
            start_s = float(t_s[len(steps)])
            steps.append(detector.push(start_s, unit))
            items += [*segmenter.begin(start_s), *segmenter.window(steps[-1], unit, start_s)]
            sketches.append(sketch(unit))
    for change in detector.finish():
        items += segmenter.change(change, t_end_s)
    items += segmenter.end(t_end_s, "end_of_stream")
    return Replay(
        steps,
        {item.segment_id: item for item in items if isinstance(item, SegmentOpened)},
        tuple(item for item in items if isinstance(item, SegmentClosed)),
        np.array(sketches),
    )


def replay_offline(blocks: UnitBlocks, t_s: Float64, options: DetectorOptions) -> OfflineResult:
    """Run the published detection in two passes over the windows. A single window has no others: its figures are NaN.

    Args:
        blocks: the windows' temporal tokens.
        t_s: (N,) float64 window starts, seconds, rising.
        options: the detector's.
    """
    count = len(t_s)
    if count < 2:
        return OfflineResult(np.full(1, np.nan), np.full(1, np.nan), NO_THRESHOLDS, [])
    total = sum(block.sum(axis=0, dtype=np.float64) for block in blocks())
    cosines = np.concatenate([block @ total for block in blocks()])
    return detect_from_scores(1 - (cosines - 1) / (count - 1), t_s, options)


def consecutive_distances(blocks: Iterable[Float32]) -> Float64:
    """1 - cosine of each window and the one before it: (N - 1,) float64, in [0, 2]."""
    distances, last = [], None
    for block in blocks:
        rows = block if last is None else np.concatenate([last, block])
        distances.append(1 - np.einsum("nd,nd->n", rows[1:], rows[:-1], dtype=np.float64))
        last = block[-1:]
    return np.concatenate(distances)
