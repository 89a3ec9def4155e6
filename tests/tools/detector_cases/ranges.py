"""How far each constant can be changed before anything is lost."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from stream.detection.options import DetectorOptions
from stream.pipeline.items import Float32
from tests.tools.detector_cases.cases import StagedCase
from tests.tools.detector_cases.measure import tally

FACTORS: Final = (1.07, 1.15, 1.3, 1.6, 2.0)
"""A constant is multiplied and divided by these, until something is lost."""
CONSTANTS: Final = (
    "alpha", "floor_mads", "settle_windows", "fast_rate", "hysteresis", "quiet_windows", "evidence", "fade_ratio",
    "warmup_s", "memory_windows", "mode_windows", "sure_windows",
)  # fmt: skip


class CaseCounts(NamedTuple):
    """Sums over all cases."""

    found: int
    false: int


class ConstantRange(NamedTuple):
    """The values of a constant with which nothing is lost, as far as they were tried."""

    name: str
    lowest: float
    default: float
    highest: float
    is_open_below: bool
    """Whether nothing was lost at the lowest value that was tried."""
    is_open_above: bool

    @property
    def line(self) -> str:
        """For people."""
        edges = ("<=" if self.is_open_below else "", ">=" if self.is_open_above else "")
        return (
            f"{self.name:16}{edges[0]:>3}{self.lowest:<12.4g}{self.default:<12.4g}"
            f"{edges[1]:>3}{self.highest:<12.4g}{self.margin:4.0%}"
        )

    @property
    def margin(self) -> float:
        """Distance of the default from the nearer end, as a share of the range; 0 if there is no range."""
        nearer = min(self.default - self.lowest, self.highest - self.default)
        return nearer / (self.highest - self.lowest) if nearer > 0 else 0.0


def ranges(
    cases: Sequence[tuple[StagedCase, Float32]], constants: Sequence[str] = CONSTANTS
) -> Iterator[ConstantRange]:
    """One after the other, each with all other constants at their defaults."""

    def outcome(**values: float) -> CaseCounts:
        whole = {name: round(value) if name in WHOLE else value for name, value in values.items()}
        families = tally(cases, DetectorOptions.model_validate(whole)).values()
        return CaseCounts(sum(each.found for each in families), sum(each.false for each in families))

    best = outcome()
    for name in constants:
        default = float(getattr(DetectorOptions(), name))
        lowest, is_open_below = _reach(name, default, [1 / factor for factor in FACTORS], best, outcome)
        highest, is_open_above = _reach(name, default, FACTORS, best, outcome)
        yield ConstantRange(name, lowest, default, highest, is_open_below, is_open_above)


WHOLE: Final = ("memory_windows", "mode_windows", "sure_windows")
"""Constants that are whole numbers."""


def _reach(
    name: str, default: float, factors: Sequence[float], best: CaseCounts, outcome: Callable[..., CaseCounts]
) -> tuple[float, bool]:
    """The last value in this direction with which nothing is lost, and whether it was the last one tried."""
    reached = default
    for factor in factors:
        value = min(default * factor, 1.0) if name in {"alpha", "hysteresis", "fade_ratio"} else default * factor
        found, false = outcome(**{name: value})
        if found < best.found or false > best.false:
            return reached, False
        reached = value
    return reached, True
