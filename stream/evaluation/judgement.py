"""The verdict on one clip, or on several pooled, as one flat row of figures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

import numpy as np

from stream.evaluation.counts import CRITERIA, Counts, count, ious, ratio
from stream.evaluation.matching import Float64, best_pairs
from stream.evaluation.types import Stretch, edges_of, joined

Row: TypeAlias = dict[str, float | int | None]
"""Figures by name. None: not defined, for want of events, or of times at which they were known."""


@dataclass(frozen=True, slots=True)
class Match:
    """A true event and the one prediction that stands for it."""

    predicted: Stretch
    true: Stretch
    iou: float

    @property
    def start_error_s(self) -> float:
        """Above zero: the prediction begins late."""
        return self.predicted.t_start_s - self.true.t_start_s

    @property
    def end_error_s(self) -> float:
        """Above zero: the prediction ends late."""
        return self.predicted.t_end_s - self.true.t_end_s

    @property
    def opening_latency_s(self) -> float | None:
        """From the true start to the moment the prediction was known to have begun."""
        known = self.predicted.opened_at_s
        return None if known is None else known - self.true.t_start_s

    @property
    def closing_latency_s(self) -> float | None:
        """From the true end to the moment the prediction was known to have ended."""
        known = self.predicted.closed_at_s
        return None if known is None else known - self.true.t_end_s


@dataclass(frozen=True, slots=True)
class Judgement:
    """Predictions beside the truth. Judgements of different clips add up."""

    duration_s: float
    counts: Counts
    matches: tuple[Match, ...]
    """One-to-one, with the largest total IoU; what does not overlap is not matched."""
    missed: tuple[Stretch, ...]
    """True events without a match."""
    unmatched: tuple[Stretch, ...]
    """Predictions without a match: false events and second pieces of found ones."""
    false_events: int
    """Predictions that touch no true event at all."""

    def __add__(self, other: "Judgement") -> "Judgement":
        return Judgement(
            self.duration_s + other.duration_s,
            self.counts + other.counts,
            self.matches + other.matches,
            self.missed + other.missed,
            self.unmatched + other.unmatched,
            self.false_events + other.false_events,
        )

    def row(self) -> Row:
        """All figures, flat: events, seconds, edges and latencies.

        Latencies and edge errors are those of the matched events only. Edge errors count without their sign, and
        the worst latency is the largest; one below zero says that the prediction was open before the event began.
        """
        return {
            "duration_s": self.duration_s,
            "true_events": self.counts.true,
            "predicted_events": self.counts.predicted,
            **self._events(),
            **{name: as_float(value) for name, value in self.counts.qualities().items()},
            "time_precision": as_float(ratio(self.counts.overlap_s, self.counts.predicted_s)),
            "time_recall": as_float(ratio(self.counts.overlap_s, self.counts.true_s)),
            "false_events": self.false_events,
            "false_events_per_hour": self.false_events * 3600 / self.duration_s if self.duration_s else None,
            "matched_events": len(self.matches),
            **_spread("opening_latency", (match.opening_latency_s for match in self.matches)),
            **_spread("closing_latency", (match.closing_latency_s for match in self.matches)),
            **_spread("start_error", (abs(match.start_error_s) for match in self.matches)),
            **_spread("end_error", (abs(match.end_error_s) for match in self.matches)),
        }

    def _events(self) -> Row:
        row: Row = {}
        for name in CRITERIA:
            hits = self.counts.hits[name]
            row[f"hits_{name}"] = int(hits)
            row[f"precision_{name}"] = as_float(ratio(hits, self.counts.predicted))
            row[f"recall_{name}"] = as_float(ratio(hits, self.counts.true))
        return row


def judge(predicted: Sequence[Stretch], true: Sequence[Stretch], duration_s: float) -> Judgement:
    """Judge predictions over one clip; ``judge(...).row()`` is what a table of experiments needs.

    Args:
        predicted: in any order; pieces that touch or overlap are one event.
        true: the same.
        duration_s: length of the clip.
    """
    predicted, true = joined(predicted), joined(true)
    found, wanted = edges_of(predicted), edges_of(true)
    iou = ious(found, wanted)
    pairs = best_pairs(iou)
    return Judgement(
        duration_s=duration_s,
        counts=count(found, wanted),
        matches=tuple(Match(predicted[p], true[t], float(iou[p, t])) for p, t in pairs),
        missed=_without(true, {t for _, t in pairs}),
        unmatched=_without(predicted, {p for p, _ in pairs}),
        false_events=int(np.sum(~(iou > 0).any(axis=1))),
    )


def as_float(value: Float64 | None) -> float | None:
    """A figure of a single detector as a plain number."""
    return None if value is None else float(value)


def _without(events: Sequence[Stretch], taken: set[int]) -> tuple[Stretch, ...]:
    return tuple(event for index, event in enumerate(events) if index not in taken)


def _spread(name: str, values: Iterable[float | None]) -> Row:
    known = [value for value in values if value is not None]
    return {
        f"{name}_median_s": median(known) if known else None,
        f"{name}_worst_s": max(known, default=None),
    }
