"""How soon an event is on disk, by the clock: from the arrival of what it tells of."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stream.monitoring.latency import EdgeLatency
from stream.records.latencies import closing_s
from stream.records.schema import events
from stream.records.store.event_log import read_events
from stream.runtime.heartbeat import Status
from tests.support.clips import make_clip
from tests.support.runs import run_cli


def _opened(t_start_s: float, on_disk_at: float) -> events.SegmentOpened:
    when = datetime.fromtimestamp(on_disk_at, UTC).isoformat()
    return events.SegmentOpened(
        segment_id="s1", t_start_s=t_start_s, kind="typical", detected_at_s=t_start_s + 4, time=when
    )


def _arrived(t_s: float, ago_s: float) -> Status:
    return Status("encode", "running", arrival=(t_s, time.monotonic() - ago_s))


def test_the_clock_runs_from_the_arrival_of_the_edge() -> None:
    """Of the place nearest to it, at the source's pace: a machine that lags says so."""
    arrivals, now = EdgeLatency(), time.time()
    for t_s, ago_s in ((8.0, 32.0), (8.5, 31.5), (20.0, 20.0)):
        arrivals.on_status(_arrived(t_s, ago_s))
    assert arrivals.took_s(_opened(9.0, now)) == pytest.approx(31.0, abs=0.5)
    assert arrivals.latencies()["opening_wall"]["count"] == 1


def test_what_nobody_saw_arrive_is_not_measured() -> None:
    """A clip at full speed, an edge before this process began, and the clip's first edge, which is no news."""
    arrivals, now = EdgeLatency(), time.time()
    assert arrivals.took_s(_opened(9.0, now)) is None
    arrivals.on_status(Status("encode", "running"))
    arrivals.on_status(_arrived(20.0, 1.0))
    assert arrivals.took_s(_opened(9.0, now)) is None
    assert arrivals.took_s(_opened(0.0, now)) is None
    assert arrivals.latencies() == {}


def test_a_run_in_real_time_says_how_soon_it_knew(tmp_path: Path) -> None:
    """By the clock, and never sooner than its edges are a window's end behind; a run at full speed says nothing."""
    clip = make_clip(tmp_path / "clip.mp4", frames=150, key_every=30)
    words = (clip, "--no-rectify", "--encoder", "grid", "--detector-max-segment-s", "2")
    assert run_cli(*words, "--pace", "realtime", "--out", tmp_path / "live").returncode == 0
    assert run_cli(*words, "--out", tmp_path / "fast").returncode == 0
    live, fast = (json.loads((tmp_path / out / "clip" / "run.json").read_text()) for out in ("live", "fast"))
    told = read_events(tmp_path / "live" / "clip" / "events.jsonl")
    closed = [event for event in told if isinstance(event, events.SegmentClosed)]
    known_s = [known for event in closed if (known := closing_s(event)) is not None]
    took = live["usage"]["latency"]["closing_wall"]
    assert took["count"] == len(known_s) > 0
    assert min(known_s) - 0.2 <= took["p50_s"] < 30
    assert "closing_wall" not in fast["usage"]["latency"]
