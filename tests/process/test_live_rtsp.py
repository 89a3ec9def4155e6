"""Whole runs of a real camera over RTSP: cut, hung, refused, away for ever, and stopped."""

import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from stream.config import Options
from stream.doctor.clip import Case, reading, speed
from stream.records.schema import events
from stream.records.schema.health import Health, now, read_health
from stream.records.store.event_log import read_events
from tests.support.clips import make_clip
from tests.support.rtsp_server import RtspServer, Session, Unit, units_of
from tests.support.runs import DEADLINE_S, manifest, run_cli, started, wait_for_event, worker_named

SECRET = "geheim7"  # noqa: S105 - of nobody
OPTIONS = ("--no-rectify", "--encoder", "grid", "--log-format", "json")


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> list[Unit]:
    """Ten seconds of a camera, a key picture each half a second."""
    folder = tmp_path_factory.mktemp("camera")
    return units_of(make_clip(folder / "clip.ts", frames=300, key_every=15, x265="repeat-headers=1"))


def _events(out: Path) -> list[events.Event]:
    (run_dir,) = (path for path in out.iterdir() if path.is_dir())
    return list(read_events(run_dir / "events.jsonl"))


def test_a_cut_connection_comes_back(tmp_path: Path, units: list[Unit]) -> None:
    """Cut, hung and away at last: gaps as long as they were, segments around them, closed books, and no secret."""
    sessions = [Session(units[:40]), Session(units[5:150]), Session(units[:40], "hang"), Session(units[60:])]
    with RtspServer(sessions, credentials=f"user:{SECRET}") as camera:
        url = camera.url(f"live?channel=2&key={SECRET}", f"user:{SECRET}@")
        done = run_cli(url, *OPTIONS, "--out", tmp_path, "--reconnect-timeout-s", "1.5", "--read-timeout-s", "0.7")
    assert done.returncode == 4, done.stderr
    told = _events(tmp_path)
    gaps = [event for event in told if isinstance(event, events.SourceGap)]
    lost = [event for event in told if isinstance(event, events.SourceLost)]
    closed = [event for event in told if isinstance(event, events.SegmentClosed)]
    finish = told[-1]
    assert isinstance(finish, events.RunFinished)
    assert [event.reason for event in lost] == [
        "it ended the stream", "it has sent nothing for too long", "it ended the stream",
    ]  # fmt: skip
    assert [gap.t_start_s for gap in gaps] == [event.t_s for event in lost[:2]]
    assert gaps[0].t_start_s == pytest.approx(135 / 30)  # from the first key picture on
    assert gaps[1].t_end_s - gaps[1].t_start_s > 0.6
    borders = [(a.t_end_s, b.t_start_s) for a, b in pairwise(closed) if a.t_end_s != b.t_start_s]
    assert borders == [(gap.t_start_s, gap.t_end_s) for gap in gaps]
    assert finish.frames >= 135 + 38 + 240
    assert finish.packets_lost == finish.damaged_s == finish.windows_skipped == 0
    assert finish.decoded_s == pytest.approx(finish.frames / 30, abs=1e-3)
    assert finish.gap_s == pytest.approx(sum(gap.t_end_s - gap.t_start_s for gap in gaps), abs=1e-5)
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert SECRET.encode() not in everything + done.stdout.encode() + done.stderr.encode()
    assert b"***@" in everything


def test_a_camera_that_was_never_reached_ends_with_3(tmp_path: Path, units: list[Unit]) -> None:
    """After the budget; the failure is told once, and without the password."""
    with RtspServer([Session(units)]) as camera:
        url = camera.url(user=f"user:{SECRET}@")
    done = run_cli(url, *OPTIONS, "--out", tmp_path, "--reconnect-timeout-s", "2")
    assert done.returncode == 3
    sentence = f"rtsp://***@127.0.0.1:{camera.port}/live cannot be reached: Connection refused"
    assert [line.count(sentence) for line in done.stderr.splitlines()] == [1, 1]
    assert done.stderr.count(f"{sentence}; trying again") == 1
    assert not list(tmp_path.iterdir())


def test_a_wrong_password_ends_at_once(tmp_path: Path, units: list[Unit]) -> None:
    """No attempt would make it right; the sentence does not hold it."""
    with RtspServer([Session(units)], credentials="user:right") as camera:
        done = run_cli(camera.url(user=f"user:{SECRET}@"), *OPTIONS, "--out", tmp_path)
    assert done.returncode == 3
    assert "cannot be read: Server returned 401 Unauthorized" in done.stderr
    assert SECRET not in done.stderr


def test_a_run_ends_after_its_duration(tmp_path: Path, units: list[Unit]) -> None:
    """With closed books and exit code 0; run.json knows the source by its name."""
    with RtspServer([Session(units[:20]), Session(units, "hang")], speed=3.0) as camera:
        done = run_cli(camera.url(), *OPTIONS, "--out", tmp_path, "--duration-s", "3")
    assert done.returncode == 0, done.stderr
    finish = _events(tmp_path)[-1]
    assert isinstance(finish, events.RunFinished)
    assert 2.9 <= finish.decoded_s <= 3.1
    (run_dir,) = tmp_path.iterdir()
    recorded = manifest(run_dir)
    assert recorded["source"]["name"] == recorded["options"]["source"] == camera.url()
    assert recorded["source"]["size_bytes"] is None
    assert recorded["source"]["sha256"] is None
    assert recorded["options"]["live"]["duration_s"] == 3.0


def test_the_time_in_which_a_camera_is_away_counts(tmp_path: Path, units: list[Unit]) -> None:
    """A run of so many seconds ends also where its camera does not come back."""
    with RtspServer([Session(units[:20]), Session(units[:30])]) as camera:
        done = run_cli(camera.url(), *OPTIONS, "--out", tmp_path, "--duration-s", "1.5")
    assert done.returncode == 4, done.stderr
    finish = _events(tmp_path)[-1]
    assert isinstance(finish, events.RunFinished)
    assert finish.decoded_s == pytest.approx(1.0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_was_stopped_goes_on_with_a_gap(tmp_path: Path, units: list[Unit], number: int) -> None:
    """A signal ends it while the camera is away; the same command goes on, and nothing is told or counted twice."""
    with RtspServer([Session(units[:20]), Session(units[:100]), Session(units[:20]), Session(units[:90])]) as camera:
        camera.pause_after = 2
        run_dir = tmp_path / f"127.0.0.1_{camera.port}_live"
        with started(camera.url(), *OPTIONS, "--out", tmp_path) as process:
            wait_for_event(run_dir, lambda event: isinstance(event, events.SourceLost), process)
            process.send_signal(number)
            process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 128 + number
        camera.pause_after = None
        again = run_cli(camera.url(), *OPTIONS, "--out", tmp_path, "--reconnect-timeout-s", "0.5")
    assert again.returncode == 4, again.stderr
    told = _events(tmp_path)
    _assert_whole(told, run_dir)
    names = [event.event for event in told]
    assert names.index("run.failed") < names.index("run.resumed") < names.index("source.gap")
    (gap,) = (event for event in told if isinstance(event, events.SourceGap))
    assert gap.reason.startswith("the run was interrupted")
    finish = told[-1]
    assert isinstance(finish, events.RunFinished)
    assert finish.decoded_s == pytest.approx(100 / 30 + 90 / 30, abs=1e-3)


@pytest.mark.parametrize("name", ["ingest", "encode", "record"])
def test_a_process_that_is_killed_costs_a_gap(tmp_path: Path, units: list[Unit], name: str) -> None:
    """The chain is started again and goes on from the last barrier: what was told stands, and the books close."""
    with RtspServer([Session(units[:20]), Session(units, "hang"), Session(units[:90])]) as camera:
        run_dir = tmp_path / f"127.0.0.1_{camera.port}_live"
        with started(camera.url(), *OPTIONS, "--out", tmp_path, "--reconnect-timeout-s", "0.5") as process:
            _wait_for_windows(run_dir, 5, process)
            worker_named(process, run_dir, name).kill()
            process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 4
    told = _events(tmp_path)
    _assert_whole(told, run_dir)
    assert "stage.restarted" in [event.event for event in told]
    (gap,) = (event for event in told if isinstance(event, events.SourceGap))
    assert 5.0 < gap.t_start_s <= 10.0


def test_a_camera_that_stays_away_is_unhealthy(tmp_path: Path, units: list[Unit]) -> None:
    """After ``--unhealthy-after-s`` the run says so, and goes on seeking."""
    with RtspServer([Session(units[:20]), Session(units[:60])]) as camera:
        camera.pause_after = 2
        run_dir = tmp_path / f"127.0.0.1_{camera.port}_live"
        with started(camera.url(), *OPTIONS, "--out", tmp_path, "--unhealthy-after-s", "0.1") as process:
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


def _assert_whole(told: list[events.Event], run_dir: Path) -> None:
    """Events are numbered without holes, segments partition the time around gaps, and every window has its row."""
    assert [event.seq for event in told] == list(range(len(told)))
    closed = [event for event in told if isinstance(event, events.SegmentClosed)]
    assert [event.segment_id for event in closed] == [f"s{number:04d}" for number in range(len(closed))]
    assert [event.segment_id for event in told if isinstance(event, events.SegmentOpened)] == [
        event.segment_id for event in closed
    ]
    borders = [(a.t_end_s, b.t_start_s) for a, b in pairwise(closed) if a.t_end_s != b.t_start_s]
    assert borders == [(event.t_start_s, event.t_end_s) for event in told if isinstance(event, events.SourceGap)]
    finish = told[-1]
    assert isinstance(finish, events.RunFinished)
    assert finish.segments == len(closed)
    times_s = np.load(run_dir / f"{run_dir.name}_ts.npy")
    assert len(times_s) == finish.windows
    assert (np.diff(times_s) > 0).all()


def test_a_signal_ends_the_search_for_a_camera(tmp_path: Path, units: list[Unit]) -> None:
    """Also while libav waits for an answer that does not come."""
    with (
        RtspServer([Session(units)], answers=False) as camera,
        started(camera.url(), *OPTIONS, "--out", tmp_path, "--read-timeout-s", "60") as process,
    ):
        assert camera.asked.wait(DEADLINE_S)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 143


def test_what_is_decoded_too_slowly_is_dropped_and_the_run_goes_on(tmp_path: Path, units: list[Unit]) -> None:
    """With hardly any lag allowed some of it must be skipped or dropped; the books close all the same."""
    with RtspServer([Session(units[:20]), Session(units)], speed=40.0) as camera:
        done = run_cli(
            camera.url(), *OPTIONS, "--out", tmp_path, "--max-lag-s", "0.001", "--reconnect-timeout-s", "0.1",
        )  # fmt: skip
    assert done.returncode == 4, done.stderr
    told = _events(tmp_path)
    finish = told[-1]
    assert isinstance(finish, events.RunFinished)
    assert finish.windows_skipped > 0 or finish.dropped_s > 0
    assert [event for event in told if isinstance(event, events.StreamOverload)]
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
    tmp_path: Path, units: list[Unit], options: tuple[str, ...], sentence: str
) -> None:
    """A live source has its own pace, and no beginning to go back to."""
    with RtspServer([Session(units)]) as camera:
        done = run_cli(camera.url(), *OPTIONS, "--out", tmp_path, *options)
    assert done.returncode == 2
    assert sentence in done.stderr


def test_doctor_looks_at_the_camera(units: list[Unit]) -> None:
    """Whether it can be reached, and what it sends; the run's size and speed are not guessed."""
    with RtspServer([Session(units[:30])]) as camera:
        options = Options(source=camera.url(user=f"u:{SECRET}@")).replace(
            {"lens.rectify": False, "encoder.name": "grid"}
        )
        case = Case(options)
        seen = [(check.level, check.says) for check in reading(case)]
        assert case.expected_bytes is None
        assert "at its own speed" in speed(case).says
    name = f"rtsp://***@127.0.0.1:{camera.port}/live"
    assert seen[:2] == [
        ("ok", f"{name}, a live source"),
        ("ok", "hevc, 128x96, 30.00 fps, yuv420p, of unknown length"),
    ]
    *_, gone = reading(Case(options))
    assert (gone.level, gone.exit_code) == ("FAIL", 3)
    assert gone.says == f"{name} cannot be reached: Connection refused"
