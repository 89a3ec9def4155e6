"""The evaluation of one or more clips: each by itself, all of them pooled, and the pooled metrics beside chance."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from statistics import median
from typing import TypeAlias

import numpy as np

from stream.evaluation.chance import DRAWS, HEADLINE, Chance, compare, control
from stream.evaluation.metrics import CRITERIA, Counts, Float64, best_pairs, count, ious, ratio
from stream.evaluation.types import ClipAnomalies, Stretch, edges_of, joined

EvaluationRow: TypeAlias = dict[str, float | int | None]
"""Metrics by name; None if undefined, because there are no such events or the times of detection are not recorded."""


@dataclass(frozen=True, slots=True)
class Match:
    """A true event and the prediction that is matched to it."""

    predicted: Stretch
    true: Stretch
    iou: float

    @property
    def start_error_s(self) -> float:
        """Positive if the prediction begins late."""
        return self.predicted.t_start_s - self.true.t_start_s

    @property
    def end_error_s(self) -> float:
        """Positive if the prediction ends late."""
        return self.predicted.t_end_s - self.true.t_end_s

    @property
    def opening_latency_s(self) -> float | None:
        """From the true start until the start of the prediction was detected; None if that time is not recorded."""
        known = self.predicted.opened_at_s
        return None if known is None else known - self.true.t_start_s

    @property
    def closing_latency_s(self) -> float | None:
        """From the true end until the end of the prediction was detected; None if that time is not recorded."""
        known = self.predicted.closed_at_s
        return None if known is None else known - self.true.t_end_s


@dataclass(frozen=True, slots=True)
class Judgement:
    """Predictions compared with the true events of a clip. Judgements of different clips can be added."""

    duration_s: float
    counts: Counts
    matches: tuple[Match, ...]
    """One-to-one, with the largest total IoU; events that do not overlap are not matched."""
    missed: tuple[Stretch, ...]
    """True events without a match."""
    unmatched: tuple[Stretch, ...]
    """Predictions without a match: false events, and further pieces of an event that is matched already."""
    false_events: int
    """Predictions that overlap no true event."""

    def __add__(self, other: "Judgement") -> "Judgement":
        return Judgement(
            self.duration_s + other.duration_s,
            self.counts + other.counts,
            self.matches + other.matches,
            self.missed + other.missed,
            self.unmatched + other.unmatched,
            self.false_events + other.false_events,
        )

    def row(self) -> EvaluationRow:
        """All metrics, flat: events, seconds, edge errors and latencies.

        Latencies and edge errors are those of matched events only. Edge errors are absolute. The worst latency is the
        largest; a negative one means that the prediction was open before the event began.
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

    def _events(self) -> EvaluationRow:
        row: EvaluationRow = {}
        for name in CRITERIA:
            hits = self.counts.hits[name]
            row[f"hits_{name}"] = int(hits)
            row[f"precision_{name}"] = as_float(ratio(hits, self.counts.predicted))
            row[f"recall_{name}"] = as_float(ratio(hits, self.counts.true))
        return row


def judge(predicted: Sequence[Stretch], true: Sequence[Stretch], duration_s: float) -> Judgement:
    """Compare the predictions for one clip with its true events.

    Args:
        predicted: in any order; pieces that touch or overlap are one event.
        true: likewise.
        duration_s: length of the clip.
    """
    predicted, true = joined(predicted), joined(true)
    predicted_edges, true_edges = edges_of(predicted), edges_of(true)
    iou = ious(predicted_edges, true_edges)
    pairs = best_pairs(iou)
    return Judgement(
        duration_s=duration_s,
        counts=count(predicted_edges, true_edges),
        matches=tuple(Match(predicted[p], true[t], float(iou[p, t])) for p, t in pairs),
        missed=_without(true, {t for _, t in pairs}),
        unmatched=_without(predicted, {p for p, _ in pairs}),
        false_events=int(np.sum(~(iou > 0).any(axis=1))),
    )


def as_float(value: Float64 | None) -> float | None:
    """A metric of a single detector as a plain number."""
    return None if value is None else float(value)


def _without(events: Sequence[Stretch], taken: set[int]) -> tuple[Stretch, ...]:
    return tuple(event for index, event in enumerate(events) if index not in taken)


def _spread(name: str, values: Iterable[float | None]) -> EvaluationRow:
    known = [value for value in values if value is not None]
    return {
        f"{name}_median_s": median(known) if known else None,
        f"{name}_worst_s": max(known, default=None),
    }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of comparing the predictions for one or more clips with the truth."""

    clips: tuple[ClipAnomalies, ...]
    judgements: tuple[Judgement, ...]
    """One per clip."""
    pooled: Judgement
    """All clips as one: sums are taken first, ratios afterwards."""
    chances: dict[str, Chance | None]
    """The pooled metrics beside chance."""
    seed: int

    @property
    def duration_known(self) -> bool:
        """Whether the length of every clip is known."""
        return all(clip.duration_known for clip in self.clips)

    @property
    def beats_random(self) -> bool | None:
        """Whether the predictions beat the control in ``HEADLINE``; None if either side has no events."""
        counts, chance = self.pooled.counts, self.chances[HEADLINE]
        return chance.beats if chance and counts.predicted and counts.true else None

    @property
    def verdict(self) -> str:
        """``beats_random`` as a sentence."""
        chance = self.chances[HEADLINE]
        if chance is None or self.beats_random is None:
            side = "true" if self.pooled.counts.true == 0 else "predicted"
            return f"no comparison with chance: there is no {side} event"
        verb = "beat" if self.beats_random else "do not beat"
        return (
            f"the predictions {verb} chance: their mean IoU is {chance.value:.2f}, and 95 of 100 random detectors "
            f"of the same rate reach {chance.random_p95:.2f} or less (p = {chance.p_value:.3f}, {DRAWS} draws, "
            f"seed {self.seed})"
        )


def evaluate(clips: Sequence[ClipAnomalies], seed: int) -> Evaluation:
    """Evaluate the predictions for one or more clips; ``seed`` is the seed of the random control."""
    judgements = tuple(judge(clip.predicted, clip.true, clip.duration_s) for clip in clips)
    pooled = reduce(add, judgements)
    chances = compare(pooled.counts, control(clips, seed))
    return Evaluation(tuple(clips), judgements, pooled, chances, seed)
