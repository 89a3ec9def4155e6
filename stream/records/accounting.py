"""The accounting of a run: every decoded second ends as annotated, failed, skipped or damaged, exactly once.

Times are added up in whole microseconds, so the sums are exact and can be compared with the decoded time.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, TypedDict

from stream.pipeline.state import State, take
from stream.records.cost import cost_of
from stream.records.schema.events import (
    Annotation,
    Event,
    Outcome,
    Request,
    SegmentAnnotated,
    SegmentClosed,
    SourceGap,
    SourceLost,
    StreamOverload,
)


def to_us(t_s: float) -> int:
    """Seconds to whole microseconds."""
    return round(t_s * 1_000_000)


@dataclass(slots=True)
class LossTracker:
    """Sums up what was lost inside each closed segment; keeps only losses after the end of the last one."""

    _damage: list[tuple[int, int]] = field(default_factory=list)
    """Microseconds, in order, disjoint."""

    def add(self, t_start_s: float, t_end_s: float) -> None:
        """Add a stretch that was lost. Overlaps count once."""
        start, end = to_us(t_start_s), to_us(t_end_s)
        if self._damage:
            start = max(start, self._damage[-1][1])
        if end > start:
            self._damage.append((start, end))

    def close(self, t_start_s: float, t_end_s: float) -> float:
        """Seconds lost in a segment, which must be closed in order of time."""
        start, end = to_us(t_start_s), to_us(t_end_s)
        lost = sum(max(0, min(end, b) - max(start, a)) for a, b in self._damage)
        self._damage = [(max(a, end), b) for a, b in self._damage if b > end]
        return lost / 1e6

    def snapshot(self) -> State:
        return {"damage": [list(stretch) for stretch in self._damage]}

    def restore(self, state: State) -> None:
        self._damage = [(start, end) for start, end in take(state, "damage", list)]


class OutcomeSeconds(TypedDict):
    """The source's time by its outcome. All of it but ``gap_s`` and ``dropped_s`` was decoded."""

    annotated_s: float
    uncovered_s: float
    """Part of ``annotated_s``: in no action, though its segment is described."""
    failed_s: float
    skipped_s: float
    damaged_s: float
    gap_s: float
    dropped_s: float


@dataclass(frozen=True, slots=True)
class Account:
    """The source's time by its outcome, and the cost of its annotation."""

    seconds: OutcomeSeconds
    total_s: float
    """Sum of all but ``uncovered_s``."""
    unsettled: tuple[str, ...]
    """Closed segments without an outcome."""
    annotation: Annotation
    windows_skipped: int
    is_away: bool
    """Whether a live source was lost and is still disconnected."""

    @property
    def incomplete(self) -> bool:
        """Whether part of the source is missing from the records, or should be annotated and is not."""
        lost = (self.seconds["damaged_s"], self.seconds["failed_s"], self.seconds["gap_s"], self.seconds["dropped_s"])
        return any(lost) or self.windows_skipped > 0 or self.is_away

    def exit_code(self, packets_lost: int, *, lacks_windows: bool) -> Literal[0, 4]:
        """The exit code of a finished run: 4 if something is missing, or if it should have a window and has none."""
        return 4 if self.incomplete or packets_lost or lacks_windows else 0


def account(recorded: Iterable[Event]) -> Account:
    """Add up a run's events. If a segment has several outcomes, the last one counts, and the cost of all of them."""
    lengths_us: dict[str, int] = {}
    outcomes: dict[str, str] = {}
    uncovered_us: dict[str, int] = {}
    requests: list[Request] = []
    sums_us: Counter[str] = Counter()
    live = _LiveSource()
    for event in recorded:
        if isinstance(event, SegmentClosed):
            damaged_us, dropped_us = to_us(event.damaged_s), to_us(event.dropped_s)
            sums_us.update(damaged=damaged_us, dropped=dropped_us)
            lengths_us[event.segment_id] = to_us(event.t_end_s) - to_us(event.t_start_s) - damaged_us - dropped_us
        elif isinstance(event, Outcome):
            outcomes[event.segment_id] = event.event.removeprefix("segment.")
            uncovered_us[event.segment_id] = to_us(event.uncovered_s) if isinstance(event, SegmentAnnotated) else 0
        else:
            live.add(event)
        if isinstance(event, Request):
            requests.append(event)
    for segment_id, outcome in outcomes.items():
        sums_us[outcome] += lengths_us[segment_id]
    return Account(
        seconds=OutcomeSeconds(
            annotated_s=sums_us["annotated"] / 1e6,
            uncovered_s=sum(min(us, lengths_us[segment_id]) for segment_id, us in uncovered_us.items()) / 1e6,
            failed_s=sums_us["failed"] / 1e6,
            skipped_s=sums_us["skipped"] / 1e6,
            damaged_s=sums_us["damaged"] / 1e6,
            gap_s=live.gap_us / 1e6,
            dropped_s=sums_us["dropped"] / 1e6,
        ),
        total_s=(sums_us.total() + live.gap_us) / 1e6,
        unsettled=tuple(segment_id for segment_id in lengths_us if segment_id not in outcomes),
        annotation=cost_of(requests),
        windows_skipped=live.windows_skipped,
        is_away=live.is_away,
    )


@dataclass(slots=True)
class _LiveSource:
    """Totals of a live source."""

    gap_us: int = 0
    windows_skipped: int = 0
    is_away: bool = False

    def add(self, event: Event) -> None:
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
