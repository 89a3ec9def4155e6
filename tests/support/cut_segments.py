"""Clips whose segments ``--detector-max-segment-s`` has cut, as the record stage gets them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from models.annotators.annotator import AnnotationRequest
from stream.pipeline.facts import ClosedBy, SegmentClosed, SourceDamaged
from stream.pipeline.items import Item, Keyframe
from tests.support.annotated import SECONDS, end, segment
from tests.support.fake_annotators import FakeAnnotator

CUT_SEGMENTS: Final = 4
PRECEDING_S = (-3.0, -2.0, -1.0)
"""Times of the keyframes that a cut segment is shown of the one before it."""


_ALL_CUT: Final[tuple[ClosedBy, ...]] = ("max_duration", "max_duration", "max_duration")


def cut_clip(
    closed_by: Sequence[ClosedBy] = _ALL_CUT,
    *,
    damaged: int | None = None,
    widths: Mapping[int, int] | None = None,
) -> Iterator[Item]:
    """A clip of segments that are closed as given, and a last one that the clip's end closes.

    Args:
        closed_by: How each segment but the last is closed.
        damaged: Number of the segment in which half a second is damaged.
        widths: Width of the keyframes of some segments, which is 64 otherwise.
    """
    ends: list[ClosedBy] = [*closed_by, "end_of_stream"]
    for number, reason in enumerate(ends):
        if number == damaged:
            yield SourceDamaged(number * SECONDS + 0.25, number * SECONDS + 0.75, "bits", 15)
        for item in segment(number):
            match item:
                case SegmentClosed():
                    yield replace(item, closed_by=reason)
                case Keyframe():
                    yield replace(item, width=(widths or {}).get(number, item.width))
                case _:
                    yield item
    yield end(len(closed_by) + 1)


def requests_of(*fakes: FakeAnnotator) -> dict[str, AnnotationRequest]:
    """The last request for each segment."""
    return {each.segment_id: each for fake in fakes for batch in fake.requests for each in batch}


def preceding_of(fake: FakeAnnotator) -> dict[str, tuple[float, ...]]:
    """Times of the preceding frames of each segment."""
    return {name: tuple(frame.t_s for frame in request.preceding) for name, request in requests_of(fake).items()}
