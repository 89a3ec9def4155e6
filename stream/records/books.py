"""The books of a run: every decoded second ends as annotated, failed, skipped or damaged, exactly once."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypedDict

Outcome: TypeAlias = Literal["annotated", "failed", "skipped"]


class Seconds(TypedDict):
    """What became of the source's time."""

    annotated_s: float
    failed_s: float
    skipped_s: float
    damaged_s: float
    gap_s: float
    dropped_s: float


def to_us(t_s: float) -> int:
    """Seconds to whole microseconds: sums of these are exact, so that the books close."""
    return round(t_s * 1_000_000)


@dataclass(slots=True)
class Books:
    """Running sums in microseconds; memory is bounded by the segments whose outcome is still open."""

    outcomes_us: dict[Outcome, int] = field(default_factory=lambda: {"annotated": 0, "failed": 0, "skipped": 0})
    damaged_us: int = 0
    gap_us: int = 0
    dropped_us: int = 0
    _damage: list[tuple[int, int]] = field(default_factory=list)
    _dropped: list[tuple[int, int]] = field(default_factory=list)
    _open: dict[str, int] = field(default_factory=dict)

    def damage(self, t_start_s: float, t_end_s: float) -> None:
        """Note a stretch that was lost; it belongs to segments that close later. Overlaps count once."""
        _note(self._damage, t_start_s, t_end_s)

    def drop(self, t_start_s: float, t_end_s: float) -> None:
        """Note a stretch that was not decoded, likewise."""
        _note(self._dropped, t_start_s, t_end_s)

    def gap(self, t_start_s: float, t_end_s: float) -> None:
        """Note a stretch that belongs to no segment."""
        self.gap_us += to_us(t_end_s) - to_us(t_start_s)

    def close(self, segment_id: str, t_start_s: float, t_end_s: float) -> float:
        """Note a closed segment; returns the seconds of damage inside it."""
        start, end = to_us(t_start_s), to_us(t_end_s)
        lost, dropped = _take(self._damage, start, end), _take(self._dropped, start, end)
        self.damaged_us += lost
        self.dropped_us += dropped
        self._open[segment_id] = end - start - lost - dropped
        return lost / 1e6

    def settle(self, segment_id: str, outcome: Outcome) -> None:
        """Note what became of a closed segment.

        Raises:
            KeyError: if the segment is not closed, or was settled before.
        """
        self.outcomes_us[outcome] += self._open.pop(segment_id)

    @property
    def unsettled(self) -> tuple[str, ...]:
        """Closed segments without an outcome."""
        return tuple(self._open)

    @property
    def total_s(self) -> float:
        """The source's time that is accounted for: annotated + failed + skipped + damaged + gap + dropped."""
        return (sum(self.outcomes_us.values()) + self.damaged_us + self.gap_us + self.dropped_us) / 1e6

    def seconds(self) -> Seconds:
        """The sums as the record names them."""
        return Seconds(
            annotated_s=self.outcomes_us["annotated"] / 1e6,
            failed_s=self.outcomes_us["failed"] / 1e6,
            skipped_s=self.outcomes_us["skipped"] / 1e6,
            damaged_s=self.damaged_us / 1e6,
            gap_s=self.gap_us / 1e6,
            dropped_s=self.dropped_us / 1e6,
        )


def _note(stretches: list[tuple[int, int]], t_start_s: float, t_end_s: float) -> None:
    start, end = to_us(t_start_s), to_us(t_end_s)
    if stretches:
        start = max(start, stretches[-1][1])
    if end > start:
        stretches.append((start, end))


def _take(stretches: list[tuple[int, int]], start: int, end: int) -> int:
    """How much of them lies between ``start`` and ``end``; what lies before ``end`` is forgotten."""
    inside = sum(max(0, min(end, b) - max(start, a)) for a, b in stretches)
    stretches[:] = [(max(a, end), b) for a, b in stretches if b > end]
    return inside
