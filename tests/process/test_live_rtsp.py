"""Runs of a camera over RTSP whose processes are killed, watched, or stopped while they connect."""

import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from stream.records.schema import events
from stream.records.schema.health import Health, now, read_health
from tests.support.live_runs import assert_whole, events_of_only_run
from tests.support.rtsp_server import AccessUnit, PlaySession, RtspServer
from tests.support.runs import DEADLINE_S, started, worker_named

OPTIONS = ("--no-rectify", "--encoder", "grid", "--log-format", "json", "--max-lag-s", "600")
"""A busy machine drops nothing either."""


@pytest.mark.parametrize("name", ["ingest", "encode", "record"])
def test_a_process_that_is_killed_costs_a_gap(tmp_path: Path, units: list[AccessUnit], name: str) -> None:
    """The chain restarts from the last barrier; recorded events stay, and the accounting closes."""
    with RtspServer([PlaySession(units[:20]), PlaySession(units, "hang"), PlaySession(units[:90])]) as camera:
        run_dir = tmp_path / f"127.0.0.1_{camera.port}_live"
        with started(camera.url(), *OPTIONS, "--out", tmp_path, "--reconnect-timeout-s", "0.5") as process:
            _wait_for_windows(run_dir, 5, process)
            worker_named(process, run_dir, name).kill()
            process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 4
    run_events = events_of_only_run(tmp_path)
    assert_whole(run_events, run_dir)
    assert "stage.restarted" in [event.event for event in run_events]
    (gap,) = (event for event in run_events if isinstance(event, events.SourceGap))
    assert 5.0 < gap.t_start_s <= 10.0


def test_a_camera_that_stays_away_is_unhealthy(tmp_path: Path, units: list[AccessUnit]) -> None:
    """After ``--unhealthy-after-s``, the run reports it, and keeps trying to reconnect."""
    with RtspServer([PlaySession(units[:20]), PlaySession(units[:60])]) as camera:
        camera.pause_after = 2
        run_dir = tmp_path / f"127.0.0.1_{camera.port}_live"
        with started(
            camera.url(), *OPTIONS, "--out", tmp_path, "--unhealthy-after-s", "0.1", "--engine", "inline"
        ) as process:
            _wait_for_health(run_dir, lambda health: health.state == "stalled", process)
            complaint = read_health(run_dir / "health.json").problem(now())
            assert process.poll() is None
    assert complaint is not None
    assert complaint.startswith("stalled: the source has been away for ")


def _wait_for_windows(run_dir: Path, windows: int, process: subprocess.Popen[str]) -> None:
    """Until so many are embedded."""
    _wait_for_health(run_dir, lambda health: health.windows >= windows, process)


def _wait_for_health(run_dir: Path, reached: Callable[[Health], bool], process: subprocess.Popen[str]) -> None:
    """By the run's heartbeat."""
    path, deadline = run_dir / "health.json", time.monotonic() + DEADLINE_S
    while not (path.exists() and reached(read_health(path))):
        assert process.poll() is None
        assert time.monotonic() < deadline
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)


def test_a_signal_ends_the_search_for_a_camera(tmp_path: Path, units: list[AccessUnit]) -> None:
    """Also while libav waits for a response that never comes."""
    with (
        RtspServer([PlaySession(units)], answers=False) as camera,
        started(camera.url(), *OPTIONS, "--out", tmp_path, "--read-timeout-s", "60") as process,
    ):
        assert camera.connected.wait(DEADLINE_S)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 143
