"""Embeddings of made work, and the segments that the detect stage makes of them."""

import math
from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from stream.detection.centroid import unit_rows
from stream.detection.options import DetectorOptions
from stream.pipeline.facts import SegmentClosed, SegmentOpened
from stream.pipeline.items import Embedding, End, Item, Keyframe
from stream.pipeline.stage import drive
from stream.stages.detect import Detect

WINDOW_S = 64 / 30
SHORT = DetectorOptions(warmup_s=10, settle_windows=5, sure_windows=0)


def embedding(index: int, t_s: float, vector: Iterable[float]) -> Embedding:
    temporal = np.array(list(vector), dtype=np.float16).reshape(2, -1)
    return Embedding(index, t_s, t_s + WINDOW_S, temporal.mean(axis=0, dtype=np.float32), temporal)


def work(axes: Iterable[int], seed: int = 0, stride_s: float = 1.0) -> list[Item]:
    """One embedding a stride, each about the direction named for it."""
    vectors = [np.eye(8)[axis] for axis in axes] + np.random.default_rng(seed).normal(0, 0.1, (len(list(axes)), 8))
    return [embedding(i, i * stride_s, vector) for i, vector in enumerate(unit_rows(vectors))]


def keyframe(t_s: float) -> Keyframe:
    return Keyframe(t_s, 4, 4, b"jpeg")


def end(decoded_s: float) -> End:
    return End("end_of_stream", decoded_s, frames=round(30 * decoded_s))


def closed(given_items: Iterable[Item]) -> list[SegmentClosed]:
    return [item for item in given_items if isinstance(item, SegmentClosed)]


def edges(given_items: Iterable[Item]) -> list[tuple[float, float, str, str]]:
    return [(s.t_start_s, s.t_end_s, s.kind, s.closed_by) for s in closed(given_items)]


def run(items: Iterable[Item], options: DetectorOptions = SHORT) -> list[Item]:
    return list(drive(Detect(options), items))


def assert_partition(given_items: list[Item], decoded_s: float, longest_s: float) -> None:
    """Every segment is opened once, closed once and begins where the one before ends; none is empty or too long."""
    opened = [item for item in given_items if isinstance(item, SegmentOpened)]
    closed_segments = closed(given_items)
    assert (
        [s.segment_id for s in opened]
        == [s.segment_id for s in closed_segments]
        == [f"s{i:04d}" for i in range(len(closed_segments))]
    )
    assert [s.t_start_s for s in opened] == [s.t_start_s for s in closed_segments]
    pairs = zip(opened, closed_segments, strict=True)
    assert all("unknown" in {first.kind, last.kind} or first.kind == last.kind for first, last in pairs)
    assert all(s.judged_from_s is None for s in closed_segments if s.kind == "unknown")
    adopted_s = [
        after.t_start_s
        for before, after in pairwise(closed_segments)
        if (before.kind, before.closed_by, after.kind) == ("anomalous", "max_duration", "typical")
    ]
    relearned_from_s = min(adopted_s, default=math.inf)  # what has become normal is typical without a judgement
    assert all(
        s.kind == "unknown" or (s.kind == "typical" and s.t_start_s >= relearned_from_s)
        for s in closed_segments
        if s.judged_from_s is None
    )
    assert all(s.kind == "unknown" for s in closed_segments if not s.windows)
    assert closed_segments[0].t_start_s == 0
    assert closed_segments[-1].t_end_s == decoded_s
    assert all(before.t_end_s == after.t_start_s for before, after in pairwise(closed_segments))
    assert all(0 < s.t_end_s - s.t_start_s <= longest_s + 1e-9 for s in closed_segments)
    assert [s.closed_by for s in closed_segments].count("end_of_stream") == 1
    assert closed_segments[-1].closed_by == "end_of_stream"
    assert all(s.detected_at_s >= s.t_end_s for s in closed_segments)
