"""Runs of a camera over RTSP that disconnects, hangs, refuses, stays away, or is too fast; and stopped runs."""

import signal
import threading
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from stream.config import Options
from stream.doctor.clip import PlannedRun, reading, speed
from stream.records.schema import events
from tests.support.at_event import at_event
from tests.support.inline import run_inline
from tests.support.live_runs import assert_whole, events_of_only_run
from tests.support.rtsp_server import AccessUnit, PlaySession, RtspServer
from tests.support.runs import manifest

SECRET = "geheim7"  # noqa: S105 - of nobody
OPTIONS = ("--no-rectify", "--encoder", "grid", "--log-format", "json", "--max-lag-s", "600")
"""A busy machine drops nothing either."""


def test_a_cut_connection_is_restored(tmp_path: Path, units: list[AccessUnit]) -> None:
    """It disconnects, hangs, and stays away. The gaps are recorded, no segment spans one, the accounting closes, and
    the password appears nowhere."""
    sessions = [
        PlaySession(units[:40]),
        PlaySession(units[5:150]),
        PlaySession(units[:40], "hang"),
        PlaySession(units[60:]),
    ]
    with RtspServer(sessions, credentials=f"user:{SECRET}") as camera:
        url = camera.url(f"live?channel=2&key={SECRET}", f"user:{SECRET}@")
        result = run_inline(url, *OPTIONS, "--out", tmp_path, "--reconnect-timeout-s", "5", "--read-timeout-s", "5")
    assert result.returncode == 4, result.stderr
    run_events = events_of_only_run(tmp_path)
    gaps = [event for event in run_events if isinstance(event, events.SourceGap)]
    lost = [event for event in run_events if isinstance(event, events.SourceLost)]
    closed = [event for event in run_events if isinstance(event, events.SegmentClosed)]
    finish = run_events[-1]
    assert isinstance(finish, events.RunFinished)
    assert [event.reason for event in lost] == [
        "it ended the stream", "it has sent nothing for too long", "it ended the stream",
    ]  # fmt: skip
    assert [gap.t_start_s for gap in gaps] == [event.t_s for event in lost[:2]]
    assert gaps[0].t_start_s == pytest.approx(135 / 30)  # from the first key picture on
    assert gaps[1].t_end_s - gaps[1].t_start_s > 4.9
    borders = [(a.t_end_s, b.t_start_s) for a, b in pairwise(closed) if a.t_end_s != b.t_start_s]
    assert borders == [(gap.t_start_s, gap.t_end_s) for gap in gaps]
    assert finish.frames >= 135 + 38 + 240
    assert finish.packets_lost == finish.damaged_s == finish.windows_skipped == 0
    assert finish.decoded_s == pytest.approx(finish.frames / 30, abs=1e-3)
    assert finish.gap_s == pytest.approx(sum(gap.t_end_s - gap.t_start_s for gap in gaps), abs=1e-5)
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert SECRET.encode() not in everything + result.stdout.encode() + result.stderr.encode()
    assert b"***@" in everything


def test_a_camera_that_was_never_reached_ends_with_3(tmp_path: Path, units: list[AccessUnit]) -> None:
    """Once the time is up; the failure is reported once, without the password."""
    with RtspServer([PlaySession(units)]) as camera:
        url = camera.url(user=f"user:{SECRET}@")
    result = run_inline(url, *OPTIONS, "--out", tmp_path, "--reconnect-timeout-s", "2")
    assert result.returncode == 3
    sentence = f"rtsp://***@127.0.0.1:{camera.port}/live cannot be reached: Connection refused"
    assert [line.count(sentence) for line in result.stderr.splitlines()] == [1, 1]
    assert result.stderr.count(f"{sentence}; trying again") == 1
    assert not list(tmp_path.iterdir())


def test_a_wrong_password_ends_at_once(tmp_path: Path, units: list[AccessUnit]) -> None:
    """Another attempt would not help; the message does not contain the password."""
    with RtspServer([PlaySession(units)], credentials="user:right") as camera:
        result = run_inline(camera.url(user=f"user:{SECRET}@"), *OPTIONS, "--out", tmp_path)
    assert result.returncode == 3
    assert "cannot be read: Server returned 401 Unauthorized" in result.stderr
    assert SECRET not in result.stderr


def test_a_run_ends_after_its_duration(tmp_path: Path, units: list[AccessUnit]) -> None:
    """Its accounting closes, and the exit code is 0; run.json names the source."""
    with RtspServer([PlaySession(units[:20]), PlaySession(units, "hang")], speed=3.0) as camera:
        result = run_inline(camera.url(), *OPTIONS, "--out", tmp_path, "--duration-s", "3")
    assert result.returncode == 0, result.stderr
    finish = events_of_only_run(tmp_path)[-1]
    assert isinstance(finish, events.RunFinished)
    assert 2.9 <= finish.decoded_s <= 3.1
    (run_dir,) = tmp_path.iterdir()
    recorded = manifest(run_dir)
    assert recorded["source"]["name"] == recorded["options"]["source"] == camera.url()
    assert recorded["source"]["size_bytes"] is None
    assert recorded["source"]["sha256"] is None
    assert recorded["options"]["live"]["duration_s"] == 3.0


def test_the_time_in_which_a_camera_is_away_counts(tmp_path: Path, units: list[AccessUnit]) -> None:
    """A run with --duration-s also ends if its camera does not return."""
    with RtspServer([PlaySession(units[:20]), PlaySession(units[:30])]) as camera:
        result = run_inline(camera.url(), *OPTIONS, "--out", tmp_path, "--duration-s", "1.5")
    assert result.returncode == 4, result.stderr
    finish = events_of_only_run(tmp_path)[-1]
    assert isinstance(finish, events.RunFinished)
    assert finish.decoded_s == pytest.approx(1.0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_resumes_with_a_gap(tmp_path: Path, units: list[AccessUnit], number: int) -> None:
    """A signal ends it while the camera is away; the same command resumes it, and nothing is recorded twice."""
    with RtspServer(
        [PlaySession(units[:20]), PlaySession(units[:100]), PlaySession(units[:20]), PlaySession(units[:90])]
    ) as camera:
        camera.pause_after = 2
        run_dir = tmp_path / f"127.0.0.1_{camera.port}_live"
        with at_event(events.SourceLost, partial(signal.raise_signal, number)):
            stopped = run_inline(camera.url(), *OPTIONS, "--out", tmp_path)
        assert stopped.returncode == 128 + number
        assert "live source" not in [thread.name for thread in threading.enumerate()]
        camera.pause_after = None
        again = run_inline(camera.url(), *OPTIONS, "--out", tmp_path, "--reconnect-timeout-s", "0.5")
    assert again.returncode == 4, again.stderr
    run_events = events_of_only_run(tmp_path)
    assert_whole(run_events, run_dir)
    names = [event.event for event in run_events]
    assert names.index("run.failed") < names.index("run.resumed") < names.index("source.gap")
    (gap,) = (event for event in run_events if isinstance(event, events.SourceGap))
    assert gap.reason.startswith("the run was interrupted")
    assert gap.t_start_s == pytest.approx(100 / 30)
    finish = run_events[-1]
    assert isinstance(finish, events.RunFinished)
    assert finish.decoded_s == pytest.approx(100 / 30 + 90 / 30, abs=1e-3)


def test_run_continues_after_packets_are_dropped(tmp_path: Path, units: list[AccessUnit]) -> None:
    """With hardly any lag allowed, some of it must be skipped or dropped; the accounting still closes."""
    with RtspServer([PlaySession(units[:20]), PlaySession(units)], speed=40.0) as camera:
        result = run_inline(
            camera.url(), *OPTIONS, "--out", tmp_path, "--max-lag-s", "0.001", "--reconnect-timeout-s", "0.1",
        )  # fmt: skip
    assert result.returncode == 4, result.stderr
    run_events = events_of_only_run(tmp_path)
    finish = run_events[-1]
    assert isinstance(finish, events.RunFinished)
    assert finish.windows_skipped > 0 or finish.dropped_s > 0
    assert [event for event in run_events if isinstance(event, events.StreamOverload)]
    assert finish.damaged_s == 0
    total_s = finish.annotated_s + finish.skipped_s + finish.failed_s + finish.damaged_s
    assert finish.decoded_s == pytest.approx(total_s, abs=1e-3)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--loop",), "--loop is for clips"),
        (("--pace", "realtime"), "--pace realtime is for clips"),
    ],
)
def test_options_for_clips_are_refused(
    tmp_path: Path, units: list[AccessUnit], options: tuple[str, ...], sentence: str
) -> None:
    """A live source sets the pace itself, and cannot be rewound."""
    with RtspServer([PlaySession(units)]) as camera:
        result = run_inline(camera.url(), *OPTIONS, "--out", tmp_path, *options)
    assert result.returncode == 2
    assert sentence in result.stderr


def test_doctor_looks_at_the_camera(units: list[AccessUnit]) -> None:
    """It reports whether the camera responds, and what it sends, and does not estimate size and speed."""
    with RtspServer([PlaySession(units[:30])]) as camera:
        options = Options(source=camera.url(user=f"u:{SECRET}@")).replace(
            {"lens.rectify": False, "encoder.name": "grid"}
        )
        case = PlannedRun(options)
        checks = [(check.level, check.message) for check in reading(case)]
        assert case.expected_bytes is None
        assert "a live source sets the speed" in speed(case).message
    name = f"rtsp://***@127.0.0.1:{camera.port}/live"
    assert checks[:2] == [
        ("ok", f"{name}, a live source"),
        ("ok", "hevc, 128x96, 30.00 fps, yuv420p, of unknown length"),
    ]
    *_, last_check = reading(PlannedRun(options))
    assert (last_check.level, last_check.exit_code) == ("FAIL", 3)
    assert last_check.message == f"{name} cannot be reached: Connection refused"
