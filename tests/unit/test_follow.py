"""An event log is followed while it grows."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from stream.cli import cli
from stream.commands import tail
from stream.records import follow
from stream.records.run_annotations import AnnotationFilter
from stream.records.schema import events
from stream.records.store.event_log import EventLog
from stream.ui.live import LiveScreen
from tests.support.report_runs import ReportRun, make_report_run
from tests.support.terminal import Terminal


def test_follow_continues_while_the_log_grows(tmp_path: Path) -> None:
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


def test_follow_ends_with_a_run_that_has_ended_before_the_events_that_are_wanted(tmp_path: Path) -> None:
    """As for a reader that has all events of a finished run already."""
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        log.append(events.RunStarted(run_id="r", source="c.mp4", stem="c", encoder="grid", annotator="none"))
        log.append(events.RunFailed(reason="stopped by SIGTERM", exit_code=143, decoded_s=0.0))

    def never() -> None:
        raise AssertionError("it waits")

    assert list(follow(path, 2, never)) == []


def test_a_run_that_cannot_be_read_does_not_end_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named once, in a pipe and in a terminal."""
    for name in ("alpha", "torn"):
        make_report_run(tmp_path, ReportRun(name=name, segments=2, keyframes=False))
    log = tmp_path / "torn" / "events.jsonl"
    log.write_text(log.read_text() + "{\n")
    passes = 0

    def stop_at_the_second() -> None:
        nonlocal passes
        passes += 1
        if passes % 2 == 0:
            raise RuntimeError

    monkeypatch.setattr(tail, "pause", stop_at_the_second)
    result = CliRunner().invoke(cli, ["tail", str(tmp_path), "--all"])
    assert isinstance(result.exception, RuntimeError)
    assert '"run": "alpha"' in result.stdout
    assert "run.finished" in result.stdout
    assert result.stderr.count("not followed: ") == 1
    terminal = Terminal(100, 24)
    with pytest.raises(RuntimeError), LiveScreen(terminal.console()) as screen:
        tail._show_all(tmp_path, lambda _: 0, lambda _: AnnotationFilter(), screen)
    text = "\n".join(terminal.lines())
    assert "alpha  finished: " in text
    assert text.replace("\n", " ").count("not followed: ") == 1  # a long path is folded
