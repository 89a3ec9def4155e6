"""``tail`` follows a run from outside: early, whole, and without disturbing it."""

import io
import json
import signal
from pathlib import Path

import pytest
from rich.console import Console

from stream.commands.tail import Pace, show_table
from stream.records import follow
from stream.records.schema import events
from stream.records.schema.health import Health
from stream.records.store.event_log import EventLog
from stream.ui.view import LiveView, PlainView
from tests.support.clips import make_clip
from tests.support.runs import DEADLINE_S, run_cli, started, wait_for_event, write_intrinsics


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of moving texture, with its calibration beside it."""
    folder = tmp_path_factory.mktemp("worker")
    write_intrinsics(folder)
    return make_clip(folder / "clip.mp4", frames=180, key_every=30)


def test_tail_that_starts_first_sees_everything_and_ends(clip: Path, tmp_path: Path) -> None:
    """A tail that was there before the run prints every event as it was written, and exits 0 after the last."""
    run_dir = tmp_path / "clip"
    with started("tail", run_dir) as tail:
        assert run_cli(clip, "--encoder", "grid", "--out", tmp_path).returncode == 0
        printed, complaints = tail.communicate(timeout=DEADLINE_S)
    assert (tail.returncode, complaints) == (0, "")
    assert printed == (run_dir / "events.jsonl").read_text()


def test_since_begins_with_that_number(clip: Path, tmp_path: Path) -> None:
    """``--since 2`` on a finished run prints the events from number 2 on."""
    run_cli(clip, "--encoder", "grid", "--out", tmp_path)
    result = run_cli("tail", tmp_path / "clip", "--since", "2")
    assert result.returncode == 0
    numbers = [json.loads(line)["seq"] for line in result.stdout.splitlines()]
    assert numbers == list(range(2, numbers[-1] + 1))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopping_tail_does_not_disturb_the_run(clip: Path, tmp_path: Path, how: int) -> None:
    """A run whose follower is stopped or killed goes on."""
    run_dir = tmp_path / "clip"
    with started(clip, "--encoder", "grid", "--out", tmp_path, "--loop") as run:
        first = wait_for_event(run_dir, lambda event: isinstance(event, events.Checkpoint), run)
        with started("tail", run_dir) as tail:
            assert tail.stdout is not None
            assert json.loads(tail.stdout.readline())["event"] == "run.started"
            tail.send_signal(how)
            assert tail.wait(DEADLINE_S) == (130 if how == signal.SIGINT else -9)
        later = wait_for_event(run_dir, lambda e: isinstance(e, events.Checkpoint) and e.seq > first.seq, run)
        assert later.seq > first.seq


def test_reader_that_goes_away_is_no_error(clip: Path, tmp_path: Path) -> None:
    """A pipe that is closed while tail has more to say ends it quietly, with 0."""
    with started(clip, "--encoder", "grid", "--out", tmp_path, "--loop") as run:
        wait_for_event(tmp_path / "clip", lambda event: isinstance(event, events.Checkpoint), run)
        with started("tail", tmp_path / "clip") as tail:
            assert tail.stdout is not None
            assert tail.stderr is not None
            tail.stdout.readline()
            tail.stdout.close()
            assert tail.wait(DEADLINE_S) == 0
            assert tail.stderr.read() == ""


def test_follow_goes_on_while_the_log_grows(tmp_path: Path) -> None:
    """Events that are written while tail waits are given in order, up to the run's last."""
    path = tmp_path / "events.jsonl"
    todo: list[events.Event] = [
        events.RunStarted(run_id="r", source="c.mp4", stem="c", encoder="grid", annotator="none"),
        events.SegmentOpened(segment_id="s0000", t_start_s=0.0, kind="typical", detected_at_s=0.0),
        events.RunFailed(reason="stopped by SIGTERM", exit_code=143, decoded_s=0.0),
    ]

    def write_next() -> None:
        with EventLog(path) as log:
            log.append(todo.pop(0))

    assert [event.event for event, _ in follow(tmp_path / "events.jsonl", 0, write_next)] == [
        "run.started",
        "segment.opened",
        "run.failed",
    ]


def test_terminal_gets_a_table() -> None:
    """In a terminal the newest segments stand in a table: open ones as open, closed ones with their times and kind."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120)
    opened = events.SegmentOpened(segment_id="s0007", t_start_s=61.5, kind="anomalous", detected_at_s=65.0)
    failed = events.RunFailed(reason="stopped by SIGTERM", exit_code=143, decoded_s=0.0)
    show_table(iter([(opened, b""), (failed, b"")]), LiveView(console))
    text = screen.getvalue()
    assert "s0007" in text
    assert "0:01:01.5" in text
    assert "stopped by SIGTERM" in text


def test_words_of_others_cannot_act_on_a_terminal() -> None:
    """What a model or a server says is shown as words: no escape, markup or line break of theirs gets through."""
    evil = "\x1b[2J\x1b]0;title\x07 [red]turn[/red]\r\nscrew \x9b31m \u202e"
    closed = events.SegmentClosed(
        segment_id="s0001", t_start_s=0.0, t_end_s=5.0, kind="typical", closed_by="state_change", detected_at_s=5.0,
        windows=0, score_mean=None, score_max=None, theta_on=None, theta_off=None, period_s=None, cycles=None,
        damaged_s=0.0, keyframes=1, frames_digest="",
    )  # fmt: skip
    annotated = events.SegmentAnnotated(segment_id="s0001", actions=1, subtasks=(evil,), objects=("bolt",))
    failed = events.SegmentFailed(segment_id="s0002", reason=evil)
    live, plain = io.StringIO(), io.StringIO()
    show_table(
        iter([(closed, b""), (annotated, b""), (failed, b"")]),
        LiveView(Console(file=live, force_terminal=True, width=200)),
    )
    view = PlainView(Console(file=plain))
    for event in (annotated, failed):
        view.event(event)
    for text in (live.getvalue(), plain.getvalue()):
        assert "[red]turn[/red] screw" in text
        assert "(bolt)" in text
        assert not [mark for mark in ("\x1b[2J", "\x1b]0", "\x07", "\x9b", "\u202e") if mark in text]
    assert "\x1b" not in plain.getvalue()


def test_terminal_shows_position_speed_and_time_left(clip: Path, tmp_path: Path) -> None:
    """While no event comes, the heartbeats move the bar: of six seconds two are left, at twice real time one more."""
    assert run_cli(clip, "--encoder", "grid", "--out", tmp_path).returncode == 0
    screen = io.StringIO()
    view = LiveView(Console(file=screen, force_terminal=True, width=120))
    pace = Pace(tmp_path / "clip", view)
    for second, decoded_s in ((0, 0.0), (2, 4.0)):
        beat = Health(time=f"2026-01-01T00:00:0{second}+00:00", state="running", decoded_s=decoded_s, windows=1)
        beat.write(tmp_path / "clip" / "health.json")
        pace.wait()
    view.close()
    assert "0:00:04.0  2.0 x real time, 0:00:01.0 left" in screen.getvalue()
