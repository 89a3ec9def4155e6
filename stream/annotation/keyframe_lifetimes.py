"""How long keyframes stay in the cache: a segment's own until it has an outcome, its last ones a little longer.

The last keyframes before a cut are shown with the next segment, and stay until that has an outcome, too. What stays
follows from the log alone, so a resumed run keeps the same.
"""

from collections.abc import Mapping
from typing import Final

from stream.annotation.cuts import Cuts, SegmentCut, preceding_choice
from stream.pipeline.facts import SegmentClosed
from stream.records.store.keyframes import KeyframeCache

_DESCRIBED: Final = "segment.annotated"


class KeyframeLifetimes:
    """Keeps the keyframes of open segments, and lets those of others go."""

    def __init__(self, cache: KeyframeCache, cuts: Cuts, outcomes: Mapping[str, str], *, keeps: bool) -> None:
        """Work on a cache.

        Args:
            cache: The cache.
            cuts: Between the segments.
            outcomes: Type of the outcome event of each segment that has one; it grows as outcomes are recorded.
            keeps: Whether keyframes of described segments stay as long as there is room.
        """
        self._cache = cache
        self._cuts = cuts
        self._outcomes = outcomes
        self._drop = cache.release if keeps else cache.drop

    def note(self, segment: SegmentClosed) -> None:
        """Take note of a closed segment: it may be shown keyframes of the one before it, or not."""
        self._cuts.note(segment)
        if (before := self._cuts.before(segment)) is not None:
            self._settle_cut(before)

    def keep(self, segment: SegmentClosed) -> None:
        """Keep the keyframes of a segment that is to be described, and its preceding ones."""
        self._cache.keep(segment.t_start_s, segment.t_end_s)
        if (before := self._cuts.before(segment)) is not None:
            self._settle_cut(before)

    def settle(self, segment: SegmentClosed) -> None:
        """Let the keyframes of a segment with an outcome go that no other one needs.

        Those of a segment that could not be described, or was not to be, stay as long as there is room.
        """
        cut, before = self._cuts.after(segment), self._cuts.before(segment)
        end_s = segment.t_end_s if cut is None else cut.preceding_from_s
        self._let_go(segment.t_start_s, end_s, is_described=self._is_described(segment.segment_id))
        for each in (cut, before):
            if each is not None:
                self._settle_cut(each)

    def _settle_cut(self, cut: SegmentCut) -> None:
        """Keep what is needed of the last keyframes before a cut: those that are shown, until the next outcome."""
        is_described = self._is_described(cut.segment_id)
        if cut.is_shown and (cut.next_id is None or cut.next_id not in self._outcomes):
            names_ms = self._cache.names_ms(cut.preceding_from_s, cut.t_s)
            shown_ms = [names_ms[index] for index in preceding_choice(len(names_ms))]
            if cut.segment_id in self._outcomes:
                for name_ms in set(names_ms) - set(shown_ms):
                    self._let_go(name_ms / 1000, (name_ms + 1) / 1000, is_described=is_described)
            self._cache.keep_named(shown_ms)
        elif cut.segment_id in self._outcomes:
            is_used = not cut.is_shown or (cut.next_id is not None and self._is_described(cut.next_id))
            self._let_go(cut.preceding_from_s, cut.t_s, is_described=is_described and is_used)

    def _let_go(self, t_start_s: float, t_end_s: float, *, is_described: bool) -> None:
        (self._drop if is_described else self._cache.release)(t_start_s, t_end_s)

    def _is_described(self, segment_id: str) -> bool:
        return self._outcomes.get(segment_id) == _DESCRIBED
