"""The figures at the top of a report."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from exporters.report.view import ShownRun
from stream.ui.text import count


@dataclass(frozen=True, slots=True)
class ReportTotals:
    """Sums over all runs."""

    clips: int
    states: tuple[tuple[str, int], ...]
    """How many runs are in each state."""
    decoded_s: float
    segments: int
    anomalous: int
    """Anomalous stretches."""
    anomalous_s: float
    described: int
    failed: int
    actions: int
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
        if self.dollars is None or self.unknown_costs or not self.decoded_s:
            return None
        return self.dollars * 3600 / self.decoded_s

    @property
    def described_text(self) -> str:
        """What was described, in one line."""
        return f"{count(self.actions, 'action')} in {count(self.described, 'segment')}"


def totals_of(runs: Sequence[ShownRun]) -> ReportTotals:
    """Add up runs."""
    known = [run.dollars for run in runs if run.dollars is not None]
    timed = [run for run in runs if run.wall_s]
    wall_s = sum(run.wall_s or 0.0 for run in timed)
    segments = [segment for run in runs for segment in run.segments]
    return ReportTotals(
        clips=len(runs),
        states=tuple(Counter(run.state for run in runs).items()),
        decoded_s=sum(run.decoded_s for run in runs),
        segments=len(segments),
        anomalous=sum(run.anomalous for run in runs),
        anomalous_s=sum(each.t_end_s - each.t_start_s for each in segments if each.kind == "anomalous"),
        described=sum(run.described for run in runs),
        failed=sum(run.failed for run in runs),
        actions=sum(len(segment.actions) for segment in segments),
        lost_s=sum(run.lost_s for run in runs),
        dollars=sum(known) if known else None,
        unknown_costs=len(runs) - len(known),
        wall_s=wall_s,
        speed=sum(run.decoded_s for run in timed) / wall_s if wall_s else None,
        periods=tuple(run.period_s for run in runs if run.period_s is not None),
        cycles=sum(run.cycles for run in runs),
    )
