"""What people and programs see of a run; a terminal's screen: ``test_live_screen``."""

import io
import json
from typing import Any

import pytest
from rich.console import Console

from stream.records.schema import events
from stream.ui.live import LiveScreen
from stream.ui.names import short_name
from stream.ui.notes import Note
from stream.ui.view import JsonView, PlainView
from stream.ui.view_pipe import PipeView, repeat


def test_foreign_text_cannot_control_a_terminal() -> None:
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
    with LiveScreen(Console(file=live, force_terminal=True, width=200)) as screen:
        for event in (closed, annotated, failed):
            screen.view("clip").event(event)
    view = PlainView(Console(file=plain))
    for event in (annotated, failed):
        view.event(event)
    for text in (live.getvalue(), plain.getvalue()):
        assert "[red]turn[/red] screw" in text
        assert "(bolt)" in text
        assert not [mark for mark in ("\x1b[2J", "\x1b]0", "\x07", "\x9b", "\u202e") if mark in text]
    assert "\x1b" not in plain.getvalue()


def lines(printed: str) -> list[dict[str, Any]]:
    """Each line, read; all of them have the fields that a log is sorted by."""
    records = [json.loads(line) for line in printed.splitlines()]
    assert all({"time", "level", "run_id", "segment_id"} <= line.keys() for line in records)
    return records


def test_bad_news_has_its_level(capsys: pytest.CaptureFixture[str]) -> None:
    """A segment that fails is a warning that names it; what has no segment says null."""
    view = JsonView()
    view.begin("r")
    view.event(events.SegmentFailed(time="t", segment_id="s0007", reason="no JSON"))
    view.event(events.SourceDamaged(time="t", t_start_s=1, t_end_s=2, reason="lost", packets=3))
    records = lines(capsys.readouterr().out)
    assert [(line["level"], line["segment_id"], line["run_id"]) for line in records] == [
        ("warning", "s0007", "r"), ("warning", None, "r"),
    ]  # fmt: skip


def test_a_failure_is_left_to_the_command_that_it_ends() -> None:
    """It prints the error on standard error; a stop that was asked for is no error, and has its line."""
    paper = io.StringIO()
    view = PlainView(Console(file=paper), prefix="a.mp4  ")
    view.event(events.RunFailed(reason="no room", exit_code=6, decoded_s=61.0))
    view.event(events.RunFailed(reason="stopped by SIGTERM", exit_code=143, decoded_s=61.0))
    assert paper.getvalue() == "a.mp4  stopped by SIGTERM at 0:01:01.0\n"


def test_a_view_is_repeated_through_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """Events, messages and progress of a run in another process; what libraries print is a message."""
    pipe, paper = PipeView(), io.StringIO()
    pipe.begin("r")
    pipe.progress(1.0, 2.0, 3.0)
    pipe.event(events.SegmentFailed(time="t", segment_id="s0007", reason="no JSON"))
    pipe.note(Note("careful", "warning"))
    view = PlainView(Console(file=paper))
    for line in [*capsys.readouterr().out.splitlines(), "a library's words", "{}", "[1]", '{"a": 1}']:
        repeat(line, view)
    assert paper.getvalue().splitlines() == [
        "s0007  failed: no JSON", "careful", "a library's words", "{}", "[1]", '{"a": 1}',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["factory001_worker001_00000.mp4", "factory001_worker001_00001.mp4", "bad.mp4"], ["00000", "00001", "bad"]),
        (["clip 1.mp4", "clip 2.mp4"], ["clip 1", "clip 2"]),
        (["a_left.mp4", "b_left.mp4"], ["a_left", "b_left"]),
        (["alone_001.mp4"], ["alone_001.mp4"]),
    ],
)
def test_names_are_short_and_differ(names: list[str], short: list[str]) -> None:
    """The end in which a name differs from the others is enough; a single one stays whole."""
    assert [short_name(name, names) for name in names] == short
