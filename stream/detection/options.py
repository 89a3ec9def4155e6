"""Every constant of the detection and of the partition into segments, once."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from stream.errors import UsageError


@dataclass(frozen=True)
class DetectorOptions:
    """What the detector may be told. The defaults are the published ones where a value was published.

    Lengths that end in ``_s`` are seconds of the source; those that end in ``_windows`` count windows of the
    encoder (by default one a second). Raises ``UsageError`` when a value, or a combination, makes no sense.
    """

    alpha: float = 0.15
    """Weight of the newest score in the exponential moving average (published)."""
    warmup_s: float = 30.0
    """Stretch in which the usual work is learned and no anomaly may open; also after each re-learning."""
    memory_windows: int = 1800
    """Windows that the reference and the statistics remember: all of a clip of 30 minutes, then the oldest fade."""
    floor_mads: float = 4.75
    """theta_on is never below the median by more than this many robust standard deviations (1.4826 MAD)."""
    settle_windows: float = 45.0
    """The floor is multiplied by 1 + (settle_windows / n)^2: a spread known from few windows is not trusted."""
    floor_ratio: float = 0.05
    """theta_on stays this share of the median above the median, also where the spread is next to nothing."""
    separability: float = 0.75
    """Otsu counts only where its classes explain this share of the variance (a uniform distribution reaches 0.75)."""
    otsu_cap_mads: float = 20.0
    """Otsu may not lift theta_on further than this: one extreme anomaly must not hide the next one."""
    hysteresis: float = 0.5
    """theta_off = median + hysteresis (theta_on - median) (published)."""
    debounce_on: int = 3
    """Windows in a row above theta_on before an anomaly opens (published)."""
    debounce_off: int = 3
    """Windows in a row below theta_off before an anomaly closes (published)."""
    evidence_windows: int = 5
    """The median of this many unsmoothed scores must be above theta_on too: one freak window is no anomaly."""
    fade_ratio: float = 0.25
    """An anomaly is over where its unsmoothed score falls under this share of its mean height above the median."""
    shortest_s: float = 3.0
    """Shortest anomaly (published)."""
    longest_anomaly_s: float = 180.0
    """After this long, or when it outweighs all that was learned, an anomaly is the new normal and is learned."""
    max_segment_s: float = 30.0
    """Longest segment; longer stretches are cut."""
    cut_ratio: float = 0.25
    """A cut falls on the strongest change within this last share of ``max_segment_s``."""
    period_windows: int = 120
    """Windows in which a repetition is looked for; the longest period that can be found is a third of them."""

    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            if not math.isfinite(value) or value < 0:
                raise UsageError(f"{option.name} is {value}, expected a finite number of at least 0")
        for name in ("alpha", "hysteresis", "fade_ratio", "cut_ratio", "separability"):
            if not 0 < getattr(self, name) <= 1:
                raise UsageError(f"{name} is {getattr(self, name)}, expected a number above 0 and at most 1")
        for name in ("debounce_on", "debounce_off", "evidence_windows", "memory_windows"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}, expected at least 1")
        if self.longest_anomaly_s <= self.shortest_s:
            raise UsageError(
                f"longest_anomaly_s is {self.longest_anomaly_s}, expected more than shortest_s ({self.shortest_s})"
            )
        if self.max_segment_s <= 0:
            raise UsageError(f"max_segment_s is {self.max_segment_s}, expected more than 0")
