"""Selects the closed segments to describe. The others are skipped, each with a reason."""

from collections.abc import Mapping
from typing import Final

from stream.annotation.novelty import Novelty
from stream.config import Options
from stream.records.schema import events
from stream.records.schema.events import (
    CACHE_FULL,
    NO_ANNOTATOR,
    NO_KEYFRAMES,
    ONLY_ANOMALOUS,
    SAME_AS,
    SEVERAL_SIZES,
)
from stream.records.schema.layout import RunLayout

_REOPENED: Final = {
    "anomalous": {NO_ANNOTATOR},
    "novel": {NO_ANNOTATOR, ONLY_ANOMALOUS},
    "all": {NO_ANNOTATOR, ONLY_ANOMALOUS, SAME_AS},
}
"""Reasons for skipping a segment that each choice of segments does not give, or gives only after a comparison."""


class Selection:
    """Selects in the order in which segments close; the result follows from the options and the disk alone."""

    def __init__(self, layout: RunLayout, options: Options) -> None:
        self._options = options
        self._novelty = Novelty(layout, options.annotator.novelty_threshold)

    def select(self, segment: events.SegmentClosed, keyframes_there: int) -> events.SegmentSkipped | None:
        """The reason for skipping a segment; None if it is to be described, and is then remembered.

        ``keyframes_there``: how many of its keyframes are in the keyframe cache.
        """
        skip = self._skip(segment, keyframes_there)
        if skip is None:
            self.remember(segment)
        return skip

    def remember(self, segment: events.SegmentClosed) -> None:
        """Note a segment that is described, or is to be: later ones are compared with it."""
        if self._options.annotator.segments == "novel":
            self._novelty.remember(segment)

    def forget(self, segment_id: str) -> None:
        """Note that a segment could not be described: later ones are not compared with it."""
        self._novelty.forget(segment_id)

    def _skip(self, segment: events.SegmentClosed, keyframes_there: int) -> events.SegmentSkipped | None:
        if reason := self._reason(segment, keyframes_there):
            return events.SegmentSkipped(segment_id=segment.segment_id, reason=reason)
        if self._options.annotator.segments != "novel" or segment.kind == "anomalous":
            return None
        if (similar := self._novelty.most_similar(segment)) is None:
            return None
        same_as, similarity = similar
        return events.SegmentSkipped(
            segment_id=segment.segment_id, reason=SAME_AS, same_as=same_as, similarity=similarity
        )

    def _reason(self, segment: events.SegmentClosed, keyframes_there: int) -> str | None:
        if not self._options.annotator.enabled:
            return NO_ANNOTATOR
        if self._options.annotator.segments == "anomalous" and segment.kind != "anomalous":
            return ONLY_ANOMALOUS
        if not segment.keyframes:
            return NO_KEYFRAMES
        if not segment.keyframe_width_px:
            return SEVERAL_SIZES
        return CACHE_FULL if keyframes_there < segment.keyframes else None


def may_be_reopened(outcome: events.Outcome, outcomes: Mapping[str, events.Outcome], options: Options) -> bool:
    """Whether a segment of a finished run is queued again, given the outcomes of all of its segments.

    It is if it failed, if it was skipped for a reason that these options do not give, or if it was skipped because it
    is similar to a segment that is not described after all. ``novel`` takes what ``anomalous`` has left.
    """
    if isinstance(outcome, events.SegmentSkipped):
        if outcome.same_as and not isinstance(outcomes.get(outcome.same_as), events.SegmentAnnotated):
            return True
        return outcome.reason in _REOPENED[options.annotator.segments]
    return isinstance(outcome, events.SegmentFailed)
