"""Segments that ``--detector-max-segment-s`` has cut, and which keyframes of each the next one is shown.

What is done in the next segment has begun before its first picture. So it is described with the last keyframes before
the cut, its preceding frames, as context. There are none if time was lost in either of the two segments, or if their
keyframes differ in size: they must be what was seen just before.
"""

from dataclasses import dataclass
from typing import Final

from models.annotators.annotator import PRECEDING_FRAMES_MAX
from models.annotators.frame_selection import spread_choice
from stream.pipeline.facts import SegmentClosed
from stream.records.counts import CUT

PRECEDING_S: Final = 3.0
"""Longest time before a segment from which keyframes are shown: a hand's movement or two."""


def preceding_choice(count: int) -> list[int]:
    """Which of so many keyframes before a cut are shown: a few, the first and the last among them."""
    return spread_choice(count, PRECEDING_FRAMES_MAX) if count else []


@dataclass(slots=True)
class SegmentCut:
    """The end of a segment that was cut; the next segment begins there."""

    segment_id: str
    """The segment that was cut."""
    t_s: float
    preceding_from_s: float
    """Start of the keyframes that the next segment may be shown."""
    lost_s: float
    """Time that was lost in the segment."""
    size_px: tuple[int, int]
    """Of its keyframes."""
    next_id: str | None = None
    """The next segment; None before it is closed."""
    is_shown: bool = True
    """Whether the next segment is shown these keyframes; it may be as long as that is not known."""


class Cuts:
    """Takes note of closed segments, in order of time; one that comes once more changes nothing."""

    def __init__(self) -> None:
        self._by_time_s: dict[float, SegmentCut] = {}

    def note(self, segment: SegmentClosed) -> None:
        """Take note of a segment that was closed."""
        size_px = segment.keyframe_width_px, segment.keyframe_height_px
        lost_s = segment.damaged_s + segment.dropped_s
        if (before := self.before(segment)) is not None:
            before.next_id = segment.segment_id
            before.is_shown = not (before.lost_s or lost_s) and before.size_px == size_px
        if segment.closed_by == CUT and segment.t_end_s not in self._by_time_s:
            from_s = max(segment.t_start_s, segment.t_end_s - PRECEDING_S)
            self._by_time_s[segment.t_end_s] = SegmentCut(segment.segment_id, segment.t_end_s, from_s, lost_s, size_px)

    def before(self, segment: SegmentClosed) -> SegmentCut | None:
        """The cut at which a segment begins, if one does."""
        return self._by_time_s.get(segment.t_start_s)

    def after(self, segment: SegmentClosed) -> SegmentCut | None:
        """The cut at which a segment ends, if it was noted."""
        return self._by_time_s.get(segment.t_end_s)

    def preceding_from_s(self, segment: SegmentClosed) -> float | None:
        """Start of the keyframes before a segment that it is shown; None: it is shown none."""
        cut = self.before(segment)
        return cut.preceding_from_s if cut is not None and cut.is_shown else None
