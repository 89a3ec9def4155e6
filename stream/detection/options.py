"""Every constant of the detection and of the partition into segments, once."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import TypeVar

from stream.errors import UsageError

Number = TypeVar("Number", int, float)


def _option(default: Number, lowest: float, highest: float, meaning: str) -> Number:
    """A field whose meaning and bounds can be read at run time: they are the help of the command line too."""
    value: Number = field(default=default, metadata={"lowest": lowest, "highest": highest, "help": meaning})
    return value


@dataclass(frozen=True)
class DetectorOptions:
    """What the detector may be told; what was published is the default, and its meaning says so.

    Names that end in ``_s`` are seconds of the source, those in ``_windows`` count windows of the encoder (by default
    one a second). Raises ``UsageError`` when a value is out of bounds.
    """

    alpha: float = _option(0.15, 0.001, 1, "Weight of the newest score in the moving average (published).")
    warmup_s: float = _option(
        30.0,
        0,
        math.inf,
        "Time in which the usual work is learned and no anomaly may open; again after each re-learning.",
    )
    memory_windows: int = _option(
        1800, 10, math.inf, "Windows that the reference and the statistics stand for; beyond, the oldest fade."
    )
    floor_mads: float = _option(
        4.7, 0, math.inf, "theta_on lies at least this many robust standard deviations (1.4826 MAD) above the median."
    )
    settle_windows: float = _option(
        40.0, 0, math.inf, "That floor times 1 + (this / n)^2: a spread known from only n windows is not trusted."
    )
    floor_ratio: float = _option(
        0.05, 0, math.inf, "theta_on lies at least this share of the median above it, however small the spread."
    )
    separability: float = _option(
        0.75, 0, 1, "Otsu's threshold counts where its classes explain this share of the variance (0.75: uniform)."
    )
    otsu_cap_mads: float = _option(
        20.0, 0, math.inf, "Otsu lifts theta_on no further than this: an extreme anomaly must not hide the next one."
    )
    hysteresis: float = _option(0.5, 0, 1, "theta_off = median + this (theta_on - median) (published).")
    debounce_on: int = _option(3, 1, math.inf, "Windows in a row above theta_on before an anomaly opens (published).")
    debounce_off: int = _option(3, 1, math.inf, "Windows in a row below theta_off before one closes (published).")
    quiet_windows: int = _option(
        8, 1, math.inf, "An anomaly also closes when its unsmoothed score has been usual for so long: the EMA lags."
    )
    evidence: float = _option(
        4.0,
        0,
        math.inf,
        "Sum of the unsmoothed heights above theta_on that opens an anomaly; a window counts -1 (at the median) to 1.",
    )
    fade_ratio: float = _option(
        0.25, 0, 1, "An anomaly ends where its unsmoothed score falls under this share of its mean height."
    )
    shortest_s: float = _option(3.0, 0, math.inf, "Shortest anomaly (published).")
    longest_anomaly_s: float = _option(
        180.0, 1, math.inf, "After this, or when it outweighs all that was learned, an anomaly is the new usual work."
    )
    max_segment_s: float = _option(30.0, 1, math.inf, "Longest segment; a longer stretch is cut.")
    cut_ratio: float = _option(
        0.25, 0, 1, "A cut falls on the strongest change within this last share of the longest segment."
    )
    period_windows: int = _option(
        120, 1, math.inf, "Windows in which a repetition is looked for; it must fit in three times."
    )

    def __post_init__(self) -> None:
        for option in fields(self):
            value, lowest, highest = getattr(self, option.name), option.metadata["lowest"], option.metadata["highest"]
            if not (math.isfinite(value) and lowest <= value <= highest):
                expected = f"at least {lowest}" if highest == math.inf else f"between {lowest} and {highest}"
                raise UsageError(f"{option.name} is {value}, expected a finite number {expected}")
        if self.longest_anomaly_s <= self.shortest_s:
            raise UsageError(f"longest_anomaly_s is {self.longest_anomaly_s}, expected more than shortest_s")
