"""The numbers behind a clip's figures, from its arrays on disk, in memory that does not grow with them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from exporters.figures.windows import Windows
from stream.detection.causal import CausalDetector, Step
from stream.detection.offline import Offline, judged
from stream.detection.options import DetectorOptions
from stream.detection.partition import Partition
from stream.detection.recent import sketch
from stream.detection.threshold import Thresholds
from stream.pipeline.facts import SegmentClosed, SegmentOpened
from stream.pipeline.items import Float32, Float64

NO_THRESHOLDS = Thresholds(np.nan, np.nan, np.nan)


@dataclass(frozen=True, slots=True)
class Replay:
    """What the causal detector makes of the windows, one after the other."""

    steps: list[Step]
    """(N) one a window."""
    opened: dict[str, SegmentOpened]
    """By segment."""
    closed: tuple[SegmentClosed, ...]
    sketches: Float32
    """(N, 128) each window in small."""


def replay(windows: Windows, options: DetectorOptions) -> Replay:
    """Run the causal detector as the live chain does.

    How long a window is does not lie on disk: what a window makes known is dated with its start.
    """
    detector, partition = CausalDetector(options), Partition(options)
    steps: list[Step] = []
    said: list[SegmentOpened | SegmentClosed] = []
    sketches: list[Float32] = []
    for block in windows.temporal_blocks():
        for row in block:
            unit = row.astype(np.float64)
            t_s = float(windows.t_s[len(steps)])
            steps.append(detector.push(t_s, unit))
            said += [*partition.begin(t_s), *partition.window(steps[-1], unit, t_s)]
            sketches.append(sketch(unit))
    change = detector.finish()
    said += partition.change(change, windows.t_end_s) if change else ()
    said += partition.end(windows.t_end_s, "end_of_stream")
    return Replay(
        steps,
        {item.segment_id: item for item in said if isinstance(item, SegmentOpened)},
        tuple(item for item in said if isinstance(item, SegmentClosed)),
        np.array(sketches),
    )


def detect_offline(windows: Windows, options: DetectorOptions) -> Offline:
    """The published detection, in two passes over the windows. One window has no others: its numbers are NaN."""
    count = len(windows.t_s)
    if count < 2:
        return Offline(np.full(1, np.nan), np.full(1, np.nan), NO_THRESHOLDS, [])
    total = sum(block.sum(axis=0, dtype=np.float64) for block in windows.temporal_blocks())
    cosines = np.concatenate([block @ total for block in windows.temporal_blocks()])
    scores = 1 - (cosines - 1) / (count - 1)
    return judged(scores, windows.t_s, options)


def consecutive_distances(unit_blocks: Iterable[Float32]) -> Float64:
    """1 - cosine of each window and the one before it: (N - 1,) float64, in [0, 2]."""
    distances, last = [], None
    for block in unit_blocks:
        rows = block if last is None else np.concatenate([last, block])
        distances.append(1 - np.einsum("nd,nd->n", rows[1:], rows[:-1], dtype=np.float64))
        last = block[-1:]
    return np.concatenate(distances)
