"""Runs in real time by the inline engine, on a fake clock."""

import signal
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.encoders.cpu_store import Done
from models.encoders.grid import GridFrameStore
from stream.records.latencies import closing_s
from stream.records.schema import events
from stream.records.store.event_log import read_events
from tests.support.clips import make_clip
from tests.support.fake_time import FakeClock, fake_clock
from tests.support.inline import run_inline
from tests.support.runs import manifest

OPTIONS = ("--no-rectify", "--encoder", "grid", "--window", "16@8", "--detector-max-segment-s", "2")
SECONDS = 5
LAST_FRAME_S = SECONDS - 0.1


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seconds of moving texture at 10 fps."""
    return make_clip(tmp_path_factory.mktemp("slow") / "clip.mp4", frames=10 * SECONDS, fps=10)


def usage(run_dir: Path) -> dict[str, Any]:
    """The record of time and cost in ``run.json``."""
    recorded: dict[str, Any] = manifest(run_dir)["usage"]
    return recorded


def run(clip: Path, out: Path, stop_at_s: float | None = None) -> tuple[int, FakeClock]:
    """Run the clip in real time, with a signal at ``stop_at_s``; its exit code, and the clock."""
    with fake_clock() as clock:
        if stop_at_s is not None:
            clock.alarm = stop_at_s, partial(signal.raise_signal, signal.SIGTERM)
        return run_inline(clip, *OPTIONS, "--pace", "realtime", "--out", out).returncode, clock


def test_a_run_keeps_the_clips_pace(clip: Path, tmp_path: Path) -> None:
    """It waits until the last frame is due, and no longer."""
    code, clock = run(clip, tmp_path)
    assert code == 0
    assert usage(tmp_path / "clip")["wall_s"] == pytest.approx(LAST_FRAME_S, abs=0.01)
    assert sum(clock.waits_s) == pytest.approx(LAST_FRAME_S, abs=0.01)


@pytest.mark.slow
def test_a_run_in_real_time_records_its_latency(clip: Path, tmp_path: Path) -> None:
    """Latency is measured by the clock, and is never below that of the detector. A run at full speed records none."""
    assert run(clip, tmp_path / "live")[0] == 0
    assert run_inline(clip, *OPTIONS, "--out", tmp_path / "fast").returncode == 0
    recorded = read_events(tmp_path / "live" / "clip" / "events.jsonl")
    closed = [event for event in recorded if isinstance(event, events.SegmentClosed)]
    known_s = [known for event in closed if (known := closing_s(event)) is not None]
    latency = usage(tmp_path / "live" / "clip")["latency"]["closing_wall"]
    assert latency["count"] == len(known_s) > 0
    assert min(known_s) - 0.2 <= latency["p50_s"] < 30
    assert "closing_wall" not in usage(tmp_path / "fast" / "clip")["latency"]


def test_time_spent_on_work_is_not_waited_for_again(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that is busy for a part of the time waits for the rest of it only."""
    encode, work_s = GridFrameStore.encode, 0.6
    with fake_clock() as clock:

        def slow(store: GridFrameStore, windows: Sequence[Sequence[int]]) -> Done:
            clock.now_s += work_s
            return encode(store, windows)

        monkeypatch.setattr(GridFrameStore, "encode", slow)
        assert run_inline(clip, *OPTIONS, "--pace", "realtime", "--out", tmp_path).returncode == 0
    windows = len(np.load(tmp_path / "clip" / "clip_ts.npy"))
    assert windows >= 3
    before_the_end = windows - 1  # the last window is complete with the last frame
    assert sum(clock.waits_s) == pytest.approx(LAST_FRAME_S - before_the_end * work_s, abs=0.01)


def test_a_signal_ends_the_wait_and_the_run_is_resumed(clip: Path, tmp_path: Path) -> None:
    """The resumed run continues at its own time: it waits for the rest of the clip alone."""
    code, first = run(clip, tmp_path, stop_at_s=2.5)
    assert code == 143
    assert sum(first.waits_s) == pytest.approx(2.5, abs=0.1)
    code, second = run(clip, tmp_path)
    assert code == 0
    assert sum(second.waits_s) == pytest.approx(LAST_FRAME_S - 2.0, abs=0.1)  # from the last barrier on
    assert manifest(tmp_path / "clip")["state"] == "finished"
