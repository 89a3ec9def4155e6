"""A visit: work that is not usual, while it is being done."""

from __future__ import annotations

from collections.abc import Sequence

from stream.detection.mode import Mode
from stream.detection.options import DetectorOptions
from stream.pipeline.items import Float64
from stream.pipeline.stage import State
from stream.pipeline.state import take

SAME_WORK = 0.35
"""A visit is to known work if its scores there exceed that work's median by less than this share of what they exceed
the usual work's by."""
FEWEST_TO_COMPARE = 3


class Visit:
    """Learns the work that is being visited, and compares it with all that is known and not usual."""

    def __init__(self, mode: Mode, excesses: list[float]) -> None:
        self.mode = mode
        """What was learned of it."""
        self._excesses = excesses
        """By known work: sum of what the scores there exceed its median by, at most as much as the usual one's."""
        self._usual_excess = 0.0

    def add(self, unit: Float64, usual_excess: float, known: Sequence[Mode]) -> None:
        """Learn a window, whose score exceeds the median of the usual work by ``usual_excess``, which is positive."""
        self._usual_excess += usual_excess
        for place, mode in enumerate(known):
            if mode.number is None and mode.is_scored:
                self._excesses[place] += min(max(mode.score(unit) - mode.median, 0.0), usual_excess)
            else:
                self._excesses[place] += usual_excess
        self.mode.learn_by_itself(unit)

    def matched(self, known: Sequence[Mode]) -> Mode | None:
        """The known work that this is, if it is any."""
        if not self._excesses or self.mode.windows < FEWEST_TO_COMPARE:
            return None
        excess, place = min((excess, place) for place, excess in enumerate(self._excesses))
        return known[place] if excess < SAME_WORK * self._usual_excess else None

    def snapshot(self) -> State:
        return {"mode": self.mode.snapshot(), "excesses": list(self._excesses), "usual_excess": self._usual_excess}

    @classmethod
    def restored(cls, options: DetectorOptions, state: State) -> Visit:
        visit = cls(Mode.restored(options, take(state, "mode", dict)), take(state, "excesses", list))
        visit._usual_excess = take(state, "usual_excess", float)
        return visit
