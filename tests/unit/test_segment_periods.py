"""The periods of segments, their cycles, and cuts at turns of the cycle, by the detect stage."""

import numpy as np
import pytest

from stream.detection.options import DetectorOptions
from stream.pipeline.stage import drive
from stream.stages.detect import Detect
from tests.support.windows import closed, embedding, end, run, work

BEAT = [[0, 0, 1, 1, 2, 2, 3, 3][i % 8] for i in range(120)]
AFTER_THE_BEAT = DetectorOptions(warmup_s=60, settle_windows=5)


def test_typical_segments_carry_the_period_of_the_work() -> None:
    """Work that repeats every 8 s says so, with the cycles of the segment; work without a beat says nothing."""
    beat = work([[0, 0, 1, 1, 2, 2, 3, 3][i % 8] for i in range(90)])
    last = closed(run([*beat, end(91)], DetectorOptions(warmup_s=1000)))[-1]
    assert last.period_s is not None
    assert last.period_s == pytest.approx(8, rel=0.03)
    assert last.cycles == pytest.approx((last.t_end_s - last.t_start_s) / last.period_s)
    assert {s.period_s for s in closed(run([*work([0] * 90), end(91)]))} == {None}


def test_a_period_is_that_of_the_stretch() -> None:
    """Work after an anomaly does not carry the period of the work before it, also where the run was resumed."""
    items = [*work(BEAT + [4] * 20 + [0] * 20), end(161)]
    segments = closed(run(items, AFTER_THE_BEAT))
    assert all(s.period_s for s in segments if 60 <= s.t_start_s < 120)
    assert [s.kind for s in segments if s.t_start_s >= 120] == ["anomalous", "typical"]
    assert segments[-1].period_s is None

    first, second = Detect(AFTER_THE_BEAT), Detect(AFTER_THE_BEAT)
    for item in items[:155]:
        list(first.on_item(item))
    second.restore(first.snapshot())
    assert closed(drive(second, items[155:])) == segments[-1:]


def test_an_anomaly_has_no_period() -> None:
    """What is unusual is not called repeated work, even if it repeats."""
    unusual = [4 + axis for axis in BEAT[:80]]
    segments = closed(run([*work(BEAT + unusual), end(201)], AFTER_THE_BEAT))
    anomalous = [s for s in segments if s.kind == "anomalous"]
    assert sum(s.t_end_s - s.t_start_s for s in anomalous) > 70
    assert {s.period_s for s in anomalous} == {None}


def test_a_period_is_known_at_once_after_an_anomaly() -> None:
    """Work that goes on after 20 s of other work has its period again, although three cycles do not fit yet; the
    restored stage says the same, and counts the same cycles."""
    slow = [[0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3][i % 12] for i in range(110)]
    items = [*work(slow + [5] * 20 + slow[:28]), end(159)]
    segments = closed(run(items, AFTER_THE_BEAT))
    last = segments[-1]
    assert [s.kind for s in segments if s.t_start_s >= 110] == ["anomalous", "typical"]
    assert last.period_s == pytest.approx(12, rel=0.05)
    assert last.cycles == pytest.approx((last.t_end_s - last.t_start_s) / 12, abs=0.2)
    first, second = Detect(AFTER_THE_BEAT), Detect(AFTER_THE_BEAT)
    for item in items[:140]:
        list(first.on_item(item))
    second.restore(first.snapshot())
    assert closed(drive(second, items[140:])) == segments[-1:]


def test_repeated_work_is_cut_where_its_cycle_turns() -> None:
    """Work that steps through its postures every 11 s: all cuts but the first, before the period is known, are at the
    same phase, and none is later than the longest segment."""
    steps = work([[0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 3][i % 11] for i in range(260)])
    segments = closed(run([*steps, end(261)], DetectorOptions(warmup_s=1000)))
    cuts_s = np.array([s.t_end_s for s in segments if s.closed_by == "max_duration"][2:])
    assert len(cuts_s) >= 5
    assert np.ptp((cuts_s - cuts_s[0] + 5.5) % 11) / 11 <= 0.06
    assert max(s.t_end_s - s.t_start_s for s in segments) <= 30


def test_idle_time_is_no_repetition() -> None:
    """The worker stops for 45 s: segments that are idle for the most part have no period, and cycles are counted in the
    rest of the others."""
    axes, rng = [int(axis) for axis in np.random.default_rng(1).permutation(6)], np.random.default_rng(0)
    turning = [np.eye(64)[axes[i % 6]] + rng.normal(0, 0.05, 64) for i in range(100)]
    still = [np.eye(64)[axes[3]] + rng.normal(0, 0.005, 64) for _ in range(45)]
    items = [embedding(i, float(i), vector) for i, vector in enumerate([*turning, *still, *turning[:60]])]
    segments = closed(run([*items, end(206.2)], DetectorOptions(warmup_s=1000)))
    mostly = [s for s in segments if 2 * s.idle_s >= s.t_end_s - s.t_start_s]
    assert 35 <= sum(s.idle_s for s in segments) <= 50
    assert {span.signal for s in segments for span in s.idle} == {"embedding"}
    assert mostly
    assert {(s.period_s, s.cycles) for s in mostly} == {(None, None)}
    counted = [s for s in segments if s.cycles is not None and s.period_s is not None]
    assert [s.cycles for s in counted] == pytest.approx(
        [(s.t_end_s - s.t_start_s - s.idle_s) / 6 for s in counted], rel=0.1
    )
