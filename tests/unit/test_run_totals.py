"""The totals of a run survive a restart."""

import pytest

from stream.pipeline.facts import SegmentClosed, SourceDamaged, StreamOverload
from stream.stages.run_totals import RunTotals

SEGMENT = SegmentClosed("s0000", 0.0, 10.0, "typical", "state_change", 10.0, 10)


def test_lost_time_of_an_open_segment_survives_a_restart() -> None:
    """What was damaged or dropped before a snapshot counts in the segment that closes after it."""
    before = RunTotals()
    before.add_damage(SourceDamaged(1.0, 2.0, "lost", 3))
    before.add_overload(StreamOverload(3.0, 5.5, "slow", windows_skipped=0, packets_dropped=40))
    before.add_overload(StreamOverload(6.0, 7.0, "slow", windows_skipped=1, packets_dropped=0))
    after = RunTotals()
    after.restore(before.snapshot())
    assert after.close_segment(SEGMENT) == pytest.approx((1.0, 2.5))
