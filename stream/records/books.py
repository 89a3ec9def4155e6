"""The books of a run: every decoded second ends as annotated, failed, skipped or damaged, exactly once."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypedDict

from stream.packing import State, take

Outcome: TypeAlias = Literal["annotated", "failed", "skipped"]


class Seconds(TypedDict):
    """What became of the decoded time."""

    annotated_s: float
    failed_s: float
    skipped_s: float
    damaged_s: float


def to_us(t_s: float) -> int:
    """Seconds to whole microseconds: sums of these are exact, so that the books close."""
    return round(t_s * 1_000_000)


@dataclass(slots=True)
class Books:
    """Running sums in microseconds; memory is bounded by the segments whose outcome is still open."""

    outcomes_us: dict[Outcome, int] = field(default_factory=lambda: {"annotated": 0, "failed": 0, "skipped": 0})
    damaged_us: int = 0
    _damage: list[tuple[int, int]] = field(default_factory=list)
    _open: dict[str, int] = field(default_factory=dict)

    def damage(self, t_start_s: float, t_end_s: float) -> None:
        """Note a stretch that was lost; it belongs to segments that close later. Overlaps count once."""
        start, end = to_us(t_start_s), to_us(t_end_s)
        if self._damage:
            start = max(start, self._damage[-1][1])
        if end > start:
            self._damage.append((start, end))

    def close(self, segment_id: str, t_start_s: float, t_end_s: float) -> float:
        """Note a closed segment; returns the seconds of damage inside it."""
        start, end = to_us(t_start_s), to_us(t_end_s)
        lost = sum(max(0, min(end, b) - max(start, a)) for a, b in self._damage)
        self._damage = [(max(a, end), b) for a, b in self._damage if b > end]
        self.damaged_us += lost
        self._open[segment_id] = end - start - lost
        return lost / 1e6

    def settle(self, segment_id: str, outcome: Outcome) -> None:
        """Note what became of a closed segment.

        Raises:
            KeyError: if the segment is not closed, or was settled before.
        """
        self.outcomes_us[outcome] += self._open.pop(segment_id)

    def snapshot(self) -> State:
        return {
            "outcomes_us": dict(self.outcomes_us),
            "damaged_us": self.damaged_us,
            "damage": [list(stretch) for stretch in self._damage],
            "open": dict(self._open),
        }

    def restore(self, state: State) -> None:
        self.outcomes_us = take(state, "outcomes_us", dict)
        self.damaged_us = take(state, "damaged_us", int)
        self._damage = [(start, end) for start, end in take(state, "damage", list)]
        self._open = take(state, "open", dict)

    @property
    def unsettled(self) -> tuple[str, ...]:
        """Closed segments without an outcome."""
        return tuple(self._open)

    @property
    def total_s(self) -> float:
        """Annotated + failed + skipped + damaged."""
        return (sum(self.outcomes_us.values()) + self.damaged_us) / 1e6

    def seconds(self) -> Seconds:
        """The sums as the record names them."""
        return Seconds(
            annotated_s=self.outcomes_us["annotated"] / 1e6,
            failed_s=self.outcomes_us["failed"] / 1e6,
            skipped_s=self.outcomes_us["skipped"] / 1e6,
            damaged_s=self.damaged_us / 1e6,
        )
