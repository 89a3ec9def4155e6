"""The latency of an edge, by the clock, from the arrival of its frame."""

import time
from datetime import UTC, datetime

import pytest

from stream.monitoring.latency import EdgeLatency
from stream.records.schema import events
from stream.runtime.heartbeat import Heartbeat


def _opened(t_start_s: float, on_disk_at: float) -> events.SegmentOpened:
    when = datetime.fromtimestamp(on_disk_at, UTC).isoformat()
    return events.SegmentOpened(
        segment_id="s1", t_start_s=t_start_s, kind="typical", detected_at_s=t_start_s + 4, time=when
    )


def _arrived(t_s: float, ago_s: float) -> Heartbeat:
    return Heartbeat("encode", "running", arrival=(t_s, time.monotonic() - ago_s))


def test_the_clock_runs_from_the_arrival_of_the_edge() -> None:
    """Of the place nearest to it, at the source's pace: a machine that lags says so."""
    arrivals, now = EdgeLatency(), time.time()
    for t_s, ago_s in ((8.0, 32.0), (8.5, 31.5), (20.0, 20.0)):
        arrivals.on_heartbeat(_arrived(t_s, ago_s))
    assert arrivals.took_s(_opened(9.0, now)) == pytest.approx(31.0, abs=0.5)
    assert arrivals.latencies()["opening_wall"]["count"] == 1


def test_frames_of_unknown_arrival_are_not_measured() -> None:
    """A clip at full speed, an edge before this process began, and the clip's first edge, which is no news."""
    arrivals, now = EdgeLatency(), time.time()
    assert arrivals.took_s(_opened(9.0, now)) is None
    arrivals.on_heartbeat(Heartbeat("encode", "running"))
    arrivals.on_heartbeat(_arrived(20.0, 1.0))
    assert arrivals.took_s(_opened(9.0, now)) is None
    assert arrivals.took_s(_opened(0.0, now)) is None
    assert arrivals.latencies() == {}
