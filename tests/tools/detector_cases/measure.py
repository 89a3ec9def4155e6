"""What the detector finds in a case, against what is there."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from stream.detection.centroid import unit_vector
from stream.detection.detector import CausalDetector
from stream.detection.options import DetectorOptions
from stream.pipeline.items import Float32
from tests.tools.detector_cases.cases import StagedCase
from tests.tools.detector_cases.stored import WINDOW_S

HIT_IOU = 0.3
"""An event is found if an anomaly has at least this intersection over union with it."""


@dataclass(frozen=True, slots=True)
class DetectedEvent:
    """An anomaly, with the stream times at which its edges were known."""

    start_s: float
    end_s: float
    opened_at_s: float
    closed_at_s: float | None


@dataclass(slots=True)
class Tally:
    """Sums over the cases of one family."""

    cases: int = 0
    hours: float = 0.0
    events: int = 0
    found: int = 0
    false: int = 0
    """Anomalies that touch no event."""
    anomalous_s: float = 0.0
    ious: list[float] = field(default_factory=list)
    opening_s: list[float] = field(default_factory=list)
    closing_s: list[float] = field(default_factory=list)

    def add(self, case: StagedCase, anomalies: list[DetectedEvent]) -> None:
        """Count one case."""
        self.cases += 1
        self.hours += case.duration_s / 3600
        self.anomalous_s += sum(each.end_s - each.start_s for each in anomalies)
        touched: set[DetectedEvent] = set()
        for event in case.events:
            self.events += 1
            near = [each for each in anomalies if each.start_s < event.end_s + WINDOW_S and event.start_s < each.end_s]
            touched |= set(near)
            best = max(near, key=lambda each: iou(each, event.start_s, event.end_s), default=None)
            if best is None or iou(best, event.start_s, event.end_s) < HIT_IOU:
                continue
            self.found += 1
            self.ious.append(iou(best, event.start_s, event.end_s))
            self.opening_s.append(best.opened_at_s - event.start_s)
            if best.closed_at_s is not None:
                self.closing_s.append(best.closed_at_s - event.end_s)
        self.false += len(set(anomalies) - touched)


def iou(found: DetectedEvent, start_s: float, end_s: float) -> float:
    """Intersection over union of an anomaly and ``[start_s, end_s)``."""
    both = min(found.end_s, end_s) - max(found.start_s, start_s)
    return max(both, 0.0) / (max(found.end_s, end_s) - min(found.start_s, start_s))


def anomalies_of(units: Float32, options: DetectorOptions, duration_s: float) -> list[DetectedEvent]:
    """What the causal detector finds in windows (N, K), one a second, each known when it ends."""
    detector = CausalDetector(options)
    changes = []
    for t_s, unit in enumerate(units):
        step = detector.push(float(t_s), unit_vector(unit))
        if step.change:
            changes.append((step.change, t_s + WINDOW_S))
    changes += [(change, duration_s) for change in detector.finish()]
    found: list[DetectedEvent] = []
    start: tuple[float, float] | None = None
    for change, known_s in changes:
        if change.kind == "anomalous":
            start = (change.t_s, known_s)
        elif start is not None:
            found.append(DetectedEvent(start[0], change.t_s, start[1], known_s))
            start = None
    return found if start is None else [*found, DetectedEvent(start[0], duration_s, start[1], None)]


def tally(cases: Iterable[tuple[StagedCase, Float32]], options: DetectorOptions) -> dict[str, Tally]:
    """The sums of each family."""
    families: dict[str, Tally] = {}
    for case, units in cases:
        families.setdefault(case.family, Tally()).add(case, anomalies_of(units, options, case.duration_s))
    return families


def table(families: dict[str, Tally]) -> str:
    """One line a family."""
    lines = [f"{'':24}{'found':>10}{'false':>7}{'a. h':>7}{'share':>7}{'tIoU':>6}{'open s':>8}{'close s':>8}"]
    for name, each in sorted(families.items()):
        found = f"{each.found} of {each.events}" if each.events else ""
        figures = [
            np.mean(each.ious or [np.nan]),
            np.median(each.opening_s or [np.nan]),
            np.median(each.closing_s or [np.nan]),
        ]
        lines.append(
            f"{name:24}{found:>10}{each.false:>7}{each.false / each.hours:>7.2f}"
            f"{each.anomalous_s / 3600 / each.hours:>7.1%}{figures[0]:>6.2f}{figures[1]:>8.1f}{figures[2]:>8.1f}"
        )
    return "\n".join(lines)
