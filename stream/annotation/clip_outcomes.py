"""What the description of a whole clip says of each of its segments."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.annotators.response.description import Description
from stream.annotation.clip_parts import ClipPart
from stream.annotation.cost import Cost
from stream.annotation.outcome import REASON_CHARS_MAX, bounded
from stream.errors import printable
from stream.pipeline.facts import SegmentClosed
from stream.records.accounting import to_us
from stream.records.schema.annotations import Action
from stream.records.schema.events import PartAnnotated, PartFailed, SegmentAnnotated, SegmentFailed


@dataclass(frozen=True, slots=True)
class FailedPart:
    """A part that could not be described, and why."""

    part: ClipPart
    reason: str


def in_segments(action: Action, segments: Sequence[SegmentClosed]) -> Action | None:
    """The action with the segments that it runs through; its kind is that of the one in which most of it lies.

    None if it lies in none, for as much as a microsecond.
    """
    through = [segment for segment in segments if _shared_us(segment, action.t_start_s, action.t_end_s)]
    if not through:
        return None
    main = max(through, key=lambda segment: _shared_us(segment, action.t_start_s, action.t_end_s))
    ids = tuple(segment.segment_id for segment in through)
    several = ids if len(ids) > 1 else ()
    return action.model_copy(update={"segment_id": main.segment_id, "segment_ids": several, "kind": main.kind})


def part_annotated(part: ClipPart, annotator: str, cost: Cost, described: Description, frames: int) -> PartAnnotated:
    """The event of a part that an answer to ``frames`` frames has described."""
    return PartAnnotated(
        part_id=part.part_id,
        t_start_s=part.t_start_s,
        t_end_s=part.t_end_s,
        annotator=annotator,
        actions=len(described.actions),
        frames=frames,
        repairs=bounded(described.repairs),
        **cost,
    )


def part_failed(part: ClipPart, annotator: str, cost: Cost, reason: str) -> PartFailed:
    """The event of a part that could not be described."""
    return PartFailed(
        part_id=part.part_id,
        t_start_s=part.t_start_s,
        t_end_s=part.t_end_s,
        annotator=annotator,
        reason=printable(reason)[:REASON_CHARS_MAX],
        **cost,
    )


def outcome_of(
    segment: SegmentClosed,
    annotator: str,
    actions: Sequence[Action],
    parts: Sequence[ClipPart],
    failed: Sequence[FailedPart],
) -> SegmentAnnotated | SegmentFailed:
    """The outcome of a segment: it has failed where a part of the clip has, and no other part has its time.

    The cost is in the events of the parts.

    Args:
        segment: The segment.
        annotator: The model, as in the event of a part.
        actions: Of the whole clip, in order, disjoint.
        parts: That were described, in order.
        failed: That were not.
    """
    start_us, end_us = to_us(segment.t_start_s), to_us(segment.t_end_s)
    for part in parts:
        if to_us(part.t_start_s) <= start_us:
            start_us = max(start_us, to_us(part.t_end_s))
    if start_us < end_us:
        first = next(each for each in failed if _shared_us(segment, each.part.t_start_s, each.part.t_end_s))
        reason = f"part {first.part.part_id} of the clip could not be described: {first.reason}"
        return SegmentFailed(
            segment_id=segment.segment_id, annotator=annotator, reason=printable(reason)[:REASON_CHARS_MAX]
        )
    own = [action for action in actions if _shared_us(segment, action.t_start_s, action.t_end_s)]
    covered_us = sum(_shared_us(segment, action.t_start_s, action.t_end_s) for action in own)
    return SegmentAnnotated(
        segment_id=segment.segment_id,
        annotator=annotator,
        actions=len(own),
        subtasks=tuple(action.ecot.subtask for action in own if action.ecot),
        objects=tuple(dict.fromkeys(seen.object_name for action in own for seen in action.objects)),
        uncovered_s=max(0, end_us - to_us(segment.t_start_s) - covered_us) / 1e6,
    )


def _shared_us(segment: SegmentClosed, t_start_s: float, t_end_s: float) -> int:
    """Microseconds that a segment shares with a stretch."""
    return max(0, min(to_us(segment.t_end_s), to_us(t_end_s)) - max(to_us(segment.t_start_s), to_us(t_start_s)))
