"""Which closed segments are described. The others are skipped, each with its reason."""

from collections.abc import Mapping

from stream.annotation.novelty import Novelty
from stream.config import Options
from stream.records.schema import events
from stream.records.schema.layout import RunLayout
from stream.records.schema.reasons import (
    NO_ANNOTATOR,
    NO_KEYFRAMES,
    ONLY_ANOMALOUS,
    SAME_AS,
    SEVERAL_SIZES,
    SPOOL_FULL,
)


class Selection:
    """Decides in the order in which segments close; what it decides follows from the options and the disk alone."""

    def __init__(self, layout: RunLayout, options: Options) -> None:
        self._options = options
        self._novelty = Novelty(layout, options.annotator.novelty_threshold)

    def skipped(self, closed: events.SegmentClosed, keyframes_there: int) -> events.SegmentSkipped | None:
        """Why a segment is not described; None if it is to be."""
        if reason := self._reason(closed, keyframes_there):
            return events.SegmentSkipped(segment_id=closed.segment_id, reason=reason)
        if self._options.annotator.segments != "novel" or closed.kind == "anomalous":
            return None
        if (like := self._novelty.like(closed)) is None:
            return None
        same_as, similarity = like
        return events.SegmentSkipped(
            segment_id=closed.segment_id, reason=SAME_AS, same_as=same_as, similarity=similarity
        )

    def remember(self, closed: events.SegmentClosed) -> None:
        """Note a segment that is described, or is to be: later ones may be like it."""
        if self._options.annotator.segments == "novel":
            self._novelty.remember(closed)

    def forget(self, segment_id: str) -> None:
        """Nobody could describe it: later ones are not like it."""
        self._novelty.forget(segment_id)

    def _reason(self, closed: events.SegmentClosed, keyframes_there: int) -> str | None:
        if self._options.annotator.name == "none":
            return NO_ANNOTATOR
        if self._options.annotator.segments == "anomalous" and closed.kind == "typical":
            return ONLY_ANOMALOUS
        if not closed.keyframes:
            return NO_KEYFRAMES
        if not closed.keyframe_width_px:
            return SEVERAL_SIZES
        return SPOOL_FULL if keyframes_there < closed.keyframes else None


def may_be_asked_again(outcome: events.Outcome, outcomes: Mapping[str, events.Outcome], options: Options) -> bool:
    """Whether a finished run's segment is taken up again, by what became of all of them.

    It is if it failed, if these options do not leave it out, or if it is like one that is not described after all.
    """
    if isinstance(outcome, events.SegmentSkipped):
        if outcome.same_as and not isinstance(outcomes.get(outcome.same_as), events.SegmentAnnotated):
            return True
        left_out = set() if options.annotator.segments == "all" else {ONLY_ANOMALOUS, SAME_AS}
        return outcome.reason in {NO_ANNOTATOR, ONLY_ANOMALOUS, SAME_AS} - left_out
    return isinstance(outcome, events.SegmentFailed)
