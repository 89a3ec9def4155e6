"""The figures at the top of a report."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from exporters.report.view import ShownRun
from stream.records.counts import RunCounts


@dataclass(frozen=True, slots=True)
class ReportTotals:
    """Sums over all runs."""

    clips: int
    states: tuple[tuple[str, int], ...]
    """How many runs are in each state."""
    counts: RunCounts
    lost_s: float
    dollars: float | None
    """Of the runs whose cost is known; None if none is."""
    unknown_costs: int
    """Runs whose cost is not known."""
    wall_s: float
    """Of the runs that took part in ``speed``."""
    speed: float | None
    """Seconds of video in a second, over the runs that have ended."""
    periods: tuple[float, ...]
    """Repetition period of each run that has one, seconds."""
    cycles: float

    @property
    def states_text(self) -> str:
        """``3 finished, 1 running``."""
        return ", ".join(f"{number} {state}" for state, number in self.states)

    @property
    def cost_per_hour(self) -> float | None:
        """Dollars for an hour of video; None if not all costs are known, or there is no video."""
        if self.dollars is None or self.unknown_costs or not self.counts.decoded_s:
            return None
        return self.dollars * 3600 / self.counts.decoded_s


def totals_of(runs: Sequence[ShownRun]) -> ReportTotals:
    """Add up runs."""
    known = [run.dollars for run in runs if run.dollars is not None]
    timed = [run for run in runs if run.wall_s]
    wall_s = sum(run.wall_s or 0.0 for run in timed)
    return ReportTotals(
        clips=len(runs),
        states=tuple(Counter(run.state for run in runs).items()),
        counts=sum((run.counts for run in runs), RunCounts()),
        lost_s=sum(run.lost_s for run in runs),
        dollars=sum(known) if known else None,
        unknown_costs=len(runs) - len(known),
        wall_s=wall_s,
        speed=sum(run.counts.decoded_s for run in timed) / wall_s if wall_s else None,
        periods=tuple(run.period_s for run in runs if run.period_s is not None),
        cycles=sum(run.cycles for run in runs),
    )
