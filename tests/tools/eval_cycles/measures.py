"""What segments say about periods, cycles, cuts and idle stretches, compared with the truth."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np

from stream.detection.options import DetectorOptions
from stream.detection.period import FEWEST_CYCLES
from stream.pipeline.facts import SegmentClosed
from stream.pipeline.items import Item, Motion
from stream.pipeline.stage import drive
from stream.stages.detect import Detect
from stream.video.sampling import PUBLISHED
from tests.tools.eval_cycles.timeline import Timeline

NEAR: Final = 0.1
"""A period is right to this share of the true one."""
_MOSTLY: Final = 0.7
"""A segment repeats if this share of it is work."""
_CHANCE_STEP_S: Final = 0.25


@dataclass
class Measures:
    """Counts and errors of one clip, or of several."""

    right: int = 0
    wrong: int = 0
    """Periods of work that has another."""
    missing: int = 0
    """Segments of repeated work without a period, although three cycles of it were seen."""
    invented: int = 0
    """Periods where at most half of the segment is work in cycles."""
    cycles_errors: list[float] = field(default_factory=list)
    """Counted less true cycles, of segments whose period is right."""
    cuts: list[float] = field(default_factory=list)
    """Signed distances of cuts to the nearest turn, in periods."""
    chance: list[float] = field(default_factory=list)
    """The same of all other times at which these cuts could have been."""
    overlaps: list[float] = field(default_factory=list)
    """Temporal IoU of each idle stretch with the best that was found."""
    false_idle: int = 0
    """Stretches that are called idle and in which nobody is."""

    def add(self, other: "Measures") -> None:
        """Add those of another clip."""
        for name in ("right", "wrong", "missing", "invented", "false_idle"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("cycles_errors", "cuts", "chance", "overlaps"):
            getattr(self, name).extend(getattr(other, name))


def segments_of(items: Iterable[Item], options: DetectorOptions, *, with_motion: bool = True) -> list[SegmentClosed]:
    """The segments of a clip, found with or without the motion of its pictures."""
    known = (item for item in items if with_motion or not isinstance(item, Motion))
    around_s = PUBLISHED.around_s
    return [item for item in drive(Detect(options, around_s=around_s), known) if isinstance(item, SegmentClosed)]


def measure(timeline: Timeline, segments: Sequence[SegmentClosed], options: DetectorOptions) -> Measures:
    """Compare the segments of a clip with what happens in it."""
    measures = Measures()
    for segment in segments:
        _measure_period(measures, timeline, segment)
    for segment in segments:
        if segment.closed_by == "max_duration":
            _measure_cut(measures, timeline, segment, options)
    _measure_idle(measures, timeline, segments)
    return measures


def _measure_period(measures: Measures, timeline: Timeline, segment: SegmentClosed) -> None:
    start_s, end_s = segment.t_start_s, segment.t_end_s
    work = timeline.share("work", start_s, end_s)
    if segment.period_s is not None and work <= 1 - _MOSTLY:
        measures.invented += 1
    if work < _MOSTLY:
        return
    true_s, count = timeline.period_in(start_s, end_s), timeline.cycles_in(start_s, end_s)
    if segment.period_s is None:
        is_known = timeline.cycles_in(0.0, end_s) >= FEWEST_CYCLES + 0.5
        measures.missing += segment.kind != "anomalous" and is_known and count >= 1
    elif abs(segment.period_s / true_s - 1) <= NEAR:
        measures.right += 1
        measures.cycles_errors.append((segment.cycles or 0.0) - count)
    else:
        measures.wrong += 1


def _measure_cut(measures: Measures, timeline: Timeline, segment: SegmentClosed, options: DetectorOptions) -> None:
    """A cut in work whose period is known, beside all times in the last share of the longest segment."""
    distance = timeline.from_turn(segment.t_end_s)
    if distance is None or segment.period_s is None:
        return
    measures.cuts.append(distance)
    limit_s = segment.t_start_s + options.max_segment_s
    times_s = np.arange(limit_s - options.cut_ratio * options.max_segment_s, limit_s, _CHANCE_STEP_S)
    chances = [timeline.from_turn(float(t_s)) for t_s in times_s]
    measures.chance += [abs(each) for each in chances if each is not None]


def _measure_idle(measures: Measures, timeline: Timeline, segments: Sequence[SegmentClosed]) -> None:
    found = merged([(span.t_start_s, span.t_end_s) for segment in segments for span in segment.idle])
    truth = timeline.spans("idle")
    measures.overlaps += [max((_overlap(span, each) for each in found), default=0.0) for span in truth]
    measures.false_idle += sum(all(_overlap(span, each) == 0 for span in truth) for each in found)


def merged(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Spans in order, those that touch as one: a cut divides an idle stretch."""
    starts = [start for (_, end), (start, _) in pairwise(spans) if start > end + 1e-3]
    ends = [end for (_, end), (start, _) in pairwise(spans) if start > end + 1e-3]
    return list(zip([spans[0][0], *starts], [*ends, spans[-1][1]], strict=True)) if spans else []


def _overlap(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Intersection over union."""
    both = max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
    return both / (one[1] - one[0] + other[1] - other[0] - both)


def same_phase(cuts: Sequence[float]) -> float:
    """Mean distance of the cuts' phases to their circular mean, in periods; 0.25 by chance."""
    mean = np.angle(np.mean(np.exp(2j * np.pi * np.asarray(cuts)))) / (2 * np.pi)
    away = np.asarray(cuts) - mean
    return float(np.abs(away - np.round(away)).mean())
