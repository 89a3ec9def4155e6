"""How much a run has found: the one count that every command shows."""

from collections.abc import Iterable
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from stream.pipeline.facts import SegmentClosed
from stream.records.accounting import to_us
from stream.records.schema.events import Event, Outcome, RunFailed, RunFinished, SegmentAnnotated

CUT: Final = "max_duration"
"""How a segment was closed whose stretch goes on."""


class RunCounts(BaseModel):
    """Sums over the closed segments of a run, or of several runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    decoded_s: float = Field(default=0.0, ge=0.0, description="seconds of video that were decoded")
    segments: int = Field(default=0, ge=0, description="closed segments")
    stretches: int = Field(default=0, ge=0, description="segments; those that were cut from one stretch count once")
    anomalous: int = Field(default=0, ge=0, description="anomalous stretches")
    anomalous_segments: int = Field(default=0, ge=0, description="anomalous segments")
    anomalous_s: float = Field(default=0.0, ge=0.0, description="seconds in anomalous segments")
    described: int = Field(default=0, ge=0, description="segments that were described")
    failed: int = Field(default=0, ge=0, description="segments that could not be described")
    skipped: int = Field(default=0, ge=0, description="segments that were not to be described")
    actions: int = Field(default=0, ge=0, description="described actions")
    idle_s: float = Field(default=0.0, ge=0.0, description="seconds in which neither hands nor surroundings move")
    damaged_s: float = Field(default=0.0, ge=0.0, description="seconds of video that were damaged")

    def __add__(self, other: "RunCounts") -> "RunCounts":
        mine, others = self.model_dump(), other.model_dump()
        return RunCounts.model_validate({name: round(mine[name] + others[name], 6) for name in mine})


def continues(segment: SegmentClosed, previous: SegmentClosed | None) -> bool:
    """Whether ``--detector-max-segment-s`` has cut a segment from the one before it, so that both are one stretch."""
    return previous is not None and previous.closed_by == CUT and previous.kind == segment.kind


def counts_of(recorded: Iterable[Event], actions: int | None = None) -> RunCounts:
    """Count what a run's events record. If a segment has several outcomes, the last one counts.

    Args:
        recorded: The events, those of one annotation.
        actions: Number of its actions, as ``action_count`` has it. None: the sum over the segments, in which an action
            that runs through several is counted in each.
    """
    closed: list[SegmentClosed] = []
    outcomes: dict[str, Outcome] = {}
    decoded_s = 0.0
    for event in recorded:
        match event:
            case SegmentClosed():
                closed.append(event)
            case RunFinished() | RunFailed():
                decoded_s = event.decoded_s
            case _ if isinstance(event, Outcome):
                outcomes[event.segment_id] = event
    anomalous = [segment for segment in closed if segment.kind == "anomalous"]
    firsts = [each for each, previous in zip(closed, [None, *closed], strict=False) if not continues(each, previous)]
    became = [each.event for each in outcomes.values()]
    return RunCounts(
        decoded_s=max(decoded_s, _seconds(closed)),  # a run that has been resumed goes beyond where it stopped
        segments=len(closed),
        stretches=len(firsts),
        anomalous=sum(segment.kind == "anomalous" for segment in firsts),
        anomalous_segments=len(anomalous),
        anomalous_s=_seconds(anomalous),
        described=became.count("segment.annotated"),
        failed=became.count("segment.failed"),
        skipped=became.count("segment.skipped"),
        actions=sum(each.actions for each in outcomes.values() if isinstance(each, SegmentAnnotated))
        if actions is None
        else actions,
        idle_s=sum(to_us(segment.idle_s) for segment in closed) / 1e6,
        damaged_s=sum(to_us(segment.damaged_s) for segment in closed) / 1e6,
    )


def total(counts: Iterable[RunCounts | None]) -> RunCounts:
    """The sums over several runs; None is a run that was not begun."""
    return sum((each for each in counts if each), RunCounts())


def _seconds(segments: Iterable[SegmentClosed]) -> float:
    """The decoded time of segments."""
    lengths_us = (to_us(each.t_end_s) - to_us(each.t_start_s) - to_us(each.dropped_s) for each in segments)
    return sum(lengths_us) / 1e6
