"""Which segments of a list are wanted."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from stream.records.listing import ListedSegment


@dataclass(frozen=True, slots=True)
class SegmentFilter:
    """Which segments are shown: those of any of the kinds, with any of the outcomes, of the names."""

    kinds: frozenset[str]
    """Empty: all."""
    outcomes: frozenset[str]
    idle: bool
    """Whether only idle segments are shown."""
    clip: str | None
    """A pattern; None: all."""
    segment_id: str | None

    @property
    def is_empty(self) -> bool:
        """Whether all segments are shown."""
        return not (self.kinds or self.outcomes or self.idle or self.clip or self.segment_id)

    def passes(self, segment: ListedSegment) -> bool:
        """Whether a segment is shown."""
        return (
            (not self.kinds or segment.kind in self.kinds)
            and (not self.outcomes or segment.outcome in self.outcomes)
            and (not self.idle or segment.is_idle)
            and (not self.clip or fnmatchcase(segment.clip, self.clip))
            and (not self.segment_id or segment.segment_id == self.segment_id)
        )
