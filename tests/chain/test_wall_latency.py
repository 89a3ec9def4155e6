"""How soon a run in real time has its events on disk."""

import json
from pathlib import Path

from stream.records.latencies import closing_s
from stream.records.schema import events
from stream.records.store.event_log import read_events
from tests.support.clips import make_clip
from tests.support.inline import run_inline


def test_a_run_in_real_time_says_how_soon_it_knew(tmp_path: Path) -> None:
    """Latency is measured by the clock, and is never below that of the detector. A run at full speed records none."""
    clip = make_clip(tmp_path / "clip.mp4", frames=150, key_every=30)
    words = (clip, "--no-rectify", "--encoder", "grid", "--detector-max-segment-s", "2")
    assert run_inline(*words, "--pace", "realtime", "--out", tmp_path / "live").returncode == 0
    assert run_inline(*words, "--out", tmp_path / "fast").returncode == 0
    live, fast = (json.loads((tmp_path / out / "clip" / "run.json").read_text()) for out in ("live", "fast"))
    told = read_events(tmp_path / "live" / "clip" / "events.jsonl")
    closed = [event for event in told if isinstance(event, events.SegmentClosed)]
    known_s = [known for event in closed if (known := closing_s(event)) is not None]
    took = live["usage"]["latency"]["closing_wall"]
    assert took["count"] == len(known_s) > 0
    assert min(known_s) - 0.2 <= took["p50_s"] < 30
    assert "closing_wall" not in fast["usage"]["latency"]
