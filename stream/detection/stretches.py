"""Long stretches of time: the union of spans that arrive in order, as far as it is long."""

from __future__ import annotations

from typing import Final, TypeAlias

from stream.pipeline.stage import State
from stream.pipeline.state import take, take_optional

Span: TypeAlias = tuple[float, float]
"""``[start, end)`` in seconds."""
ROUNDING_S: Final = 1e-6


class LongStretches:
    """Joins spans that touch or overlap, and returns the stretches that last ``shortest_s`` seconds or longer.

    Spans come in the order of their ends. Memory: the stretches that end after the time that was last forgotten.
    """

    def __init__(self, shortest_s: float) -> None:
        self._shortest_s = shortest_s
        self._latest: Span | None = None
        """The latest stretch, of any length, which may go on."""
        self._long: list[Span] = []
        """Long stretches before that one."""

    def extend(self, start_s: float, end_s: float) -> None:
        """Add a span, which ends at or after all others."""
        if self._latest is not None and start_s <= self._latest[1] + ROUNDING_S:
            self._latest = min(start_s, self._latest[0]), max(end_s, self._latest[1])
            return
        if self._latest is not None and self._is_long(self._latest):
            self._long.append(self._latest)
        self._latest = start_s, end_s

    def within(self, start_s: float, end_s: float) -> list[Span]:
        """The long stretches in ``[start_s, end_s)``, in order, cut off at both ends."""
        latest = [] if self._latest is None or not self._is_long(self._latest) else [self._latest]
        return [
            (max(start, start_s), min(end, end_s))
            for start, end in (*self._long, *latest)
            if start < end_s - ROUNDING_S and end > start_s + ROUNDING_S
        ]

    def forget_before(self, t_s: float) -> None:
        """Drop the stretches that end at or before ``t_s``."""
        self._long = [span for span in self._long if span[1] > t_s]

    def snapshot(self) -> State:
        return {
            "latest": None if self._latest is None else list(self._latest),
            "long": [list(span) for span in self._long],
        }

    def restore(self, state: State) -> None:
        latest = take_optional(state, "latest", list)
        self._latest = (latest[0], latest[1]) if latest else None
        self._long = [(start, end) for start, end in take(state, "long", list)]

    def _is_long(self, span: Span) -> bool:
        return span[1] - span[0] >= self._shortest_s - ROUNDING_S
