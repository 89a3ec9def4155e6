"""The measuring tool of periods, cuts and idle time: its truth, what it counts, and what it prints."""

import numpy as np
import pytest
from click.testing import CliRunner

from stream.detection.options import DetectorOptions
from stream.pipeline.facts import IdleSpan, SegmentClosed
from tests.tools.eval_cycles.__main__ import main
from tests.tools.eval_cycles.measures import measure, merged, same_phase
from tests.tools.eval_cycles.timeline import Plan, Timeline

PLAN: Plan = (("work", 40.0), ("idle", 20.0), ("work", 20.0), ("other", 10.0))


def timeline() -> Timeline:
    return Timeline.draw(PLAN, 8.0, 0.0, np.random.default_rng(0))


def segment(start_s: float, end_s: float, period_s: float | None, cycles: float | None = None) -> SegmentClosed:
    return SegmentClosed(
        "s0000", start_s, end_s, "typical", "max_duration", end_s, 1, None, None, None, None, period_s, cycles,
        idle=(IdleSpan(40.0, 60.0, "embedding"),) if end_s > 60 else (),
    )  # fmt: skip


def test_the_truth_is_that_of_the_plan() -> None:
    truth = timeline()
    assert truth.cycles_in(0.0, 80.0) == pytest.approx(60 / 8, abs=0.1)
    assert truth.period_in(20.0, 70.0) == pytest.approx(8.0, rel=0.02)
    assert truth.spans("idle") == [pytest.approx((40.0, 60.0))]
    turn_s = (1 - truth.cycles[0] % 1) * 8.0
    assert truth.from_turn(turn_s) == pytest.approx(0.0, abs=0.02)
    assert truth.from_turn(turn_s + 2.0) == pytest.approx(0.25, abs=0.02)
    assert truth.from_turn(50.0) is None


def test_what_is_right_wrong_missing_and_invented() -> None:
    """Each verdict once; cuts, errors of cycles and the overlap of idle time beside it."""
    segments = [segment(0, 20, 4.0), segment(20, 30, 8.1, 1.5), segment(30, 40, None), segment(40, 62, 8.0)]
    found = measure(timeline(), segments, DetectorOptions())
    assert (found.right, found.wrong, found.missing, found.invented) == (1, 1, 1, 1)
    assert found.cycles_errors == [pytest.approx(0.25, abs=0.02)]
    assert found.overlaps == [pytest.approx(1.0)]
    assert found.false_idle == 0
    assert len(found.cuts) == 3
    assert np.mean(found.chance) == pytest.approx(0.25, abs=0.06)


def test_phases_and_spans() -> None:
    assert same_phase([0.49, -0.49, 0.48]) < 0.02
    assert same_phase([0.0, 0.25, 0.5, -0.25]) >= 0.2
    assert merged([(0.0, 2.0), (2.0, 3.0), (5.0, 6.0)]) == [(0.0, 3.0), (5.0, 6.0)]
    assert merged([]) == []


@pytest.mark.slow
def test_the_command_measures_a_simulated_clip() -> None:
    result = CliRunner().invoke(main, ["loop-8", "--seeds", "1", "--each"], catch_exceptions=False)
    row = next(line for line in result.output.splitlines() if line.startswith("loop-8:0"))
    right, wrong, missing, invented = map(int, row.split()[1:5])
    assert (right >= 10, wrong, missing <= 2, invented) == (True, 0, True, 0)
