"""The books of a run: every decoded second ends as annotated, failed, skipped or damaged, exactly once.

Sums are made in whole microseconds: they are exact, so that the books close.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from stream.pipeline.state import State, take
from stream.records.schema.events import (
    Annotation,
    Event,
    Outcome,
    SegmentAnnotated,
    SegmentClosed,
    SegmentFailed,
    SegmentSkipped,
    SourceGap,
    SourceLost,
    StreamOverload,
)


def to_us(t_s: float) -> int:
    """Seconds to whole microseconds."""
    return round(t_s * 1_000_000)


@dataclass(slots=True)
class DamageInside:
    """Tells each closed segment how much of it was lost; memory is bounded by the damage after the last one's end."""

    _damage: list[tuple[int, int]] = field(default_factory=list)
    """Microseconds, in order, disjoint."""

    def add(self, t_start_s: float, t_end_s: float) -> None:
        """Note a stretch that was lost. Overlaps count once."""
        start, end = to_us(t_start_s), to_us(t_end_s)
        if self._damage:
            start = max(start, self._damage[-1][1])
        if end > start:
            self._damage.append((start, end))

    def close(self, t_start_s: float, t_end_s: float) -> float:
        """Seconds of damage in a segment that is closed, after all that came before it."""
        start, end = to_us(t_start_s), to_us(t_end_s)
        lost = sum(max(0, min(end, b) - max(start, a)) for a, b in self._damage)
        self._damage = [(max(a, end), b) for a, b in self._damage if b > end]
        return lost / 1e6

    def snapshot(self) -> State:
        return {"damage": [list(stretch) for stretch in self._damage]}

    def restore(self, state: State) -> None:
        self._damage = [(start, end) for start, end in take(state, "damage", list)]


class Seconds(TypedDict):
    """What became of the source's time. All but ``gap_s`` and ``dropped_s`` was decoded."""

    annotated_s: float
    failed_s: float
    skipped_s: float
    damaged_s: float
    gap_s: float
    dropped_s: float


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the source's time, and what describing it took."""

    seconds: Seconds
    total_s: float
    """The sum of these."""
    unsettled: tuple[str, ...]
    """Closed segments without an outcome."""
    annotation: Annotation
    windows_skipped: int
    is_away: bool
    """Whether a live source has gone, and has not come back."""

    @property
    def incomplete(self) -> bool:
        """Whether something of the source is not in the record, or not described though it should be."""
        lost = (self.seconds["damaged_s"], self.seconds["failed_s"], self.seconds["gap_s"], self.seconds["dropped_s"])
        return any(lost) or self.windows_skipped > 0 or self.is_away


def account(told: Iterable[Event]) -> Account:
    """Add up a run's events. Of a segment with several outcomes the last one counts; each of them had its price."""
    lengths_us: dict[str, int] = {}
    outcomes: dict[str, str] = {}
    asked: list[SegmentAnnotated | SegmentFailed] = []
    sums_us: Counter[str] = Counter()
    live = _LiveSource()
    for event in told:
        if isinstance(event, SegmentClosed):
            damaged_us, dropped_us = to_us(event.damaged_s), to_us(event.dropped_s)
            sums_us.update(damaged=damaged_us, dropped=dropped_us)
            lengths_us[event.segment_id] = to_us(event.t_end_s) - to_us(event.t_start_s) - damaged_us - dropped_us
        elif isinstance(event, Outcome):
            outcomes[event.segment_id] = event.event.removeprefix("segment.")
            if not isinstance(event, SegmentSkipped):
                asked.append(event)
        else:
            live.hear(event)
    for segment_id, outcome in outcomes.items():
        sums_us[outcome] += lengths_us[segment_id]
    return Account(
        seconds=Seconds(
            annotated_s=sums_us["annotated"] / 1e6,
            failed_s=sums_us["failed"] / 1e6,
            skipped_s=sums_us["skipped"] / 1e6,
            damaged_s=sums_us["damaged"] / 1e6,
            gap_s=live.gap_us / 1e6,
            dropped_s=sums_us["dropped"] / 1e6,
        ),
        total_s=(sums_us.total() + live.gap_us) / 1e6,
        unsettled=tuple(segment_id for segment_id in lengths_us if segment_id not in outcomes),
        annotation=Annotation(
            tokens_in=sum(event.tokens_in for event in asked),
            tokens_out=sum(event.tokens_out for event in asked),
            seconds=round(sum(event.seconds for event in asked), 6),
            dollars=_sum_if_known([event.dollars for event in asked]),
        ),
        windows_skipped=live.windows_skipped,
        is_away=live.is_away,
    )


def _sum_if_known(dollars: Sequence[float | None]) -> float | None:
    known = [each for each in dollars if each is not None]
    return round(sum(known), 9) if len(known) == len(dollars) else None


@dataclass(slots=True)
class _LiveSource:
    """What the events say of a live source."""

    gap_us: int = 0
    windows_skipped: int = 0
    is_away: bool = False

    def hear(self, event: Event) -> None:
        match event:
            case SourceLost():
                self.is_away = True
            case SourceGap():
                self.is_away = False
                self.gap_us += to_us(event.t_end_s) - to_us(event.t_start_s)
            case StreamOverload():
                self.windows_skipped += event.windows_skipped
            case _:
                pass
