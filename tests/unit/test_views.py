"""What a terminal and programs see of a run."""

import io
import json
import re
from typing import Any

import pytest
from rich.console import Console

from stream.commands.tail import show_table
from stream.records.schema import events
from stream.ui.view import JsonView, LiveView, PlainView


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


def test_a_finished_run_has_a_full_bar() -> None:
    """Also if its last report of progress came before its end: no time is left, and no stale speed is shown."""
    screen = io.StringIO()
    view = LiveView(Console(file=screen, force_terminal=True, width=120))
    view.progress(70.0, 75.0, 3.1)
    view.event(
        events.RunFinished(
            decoded_s=75.0, annotated_s=0.0, skipped_s=75.0, failed_s=0.0, damaged_s=0.0, segments=1, anomalous=0,
            frames=2250, windows=73, packets_lost=0, wall_s=2.0, exit_code=0,
        )
    )  # fmt: skip
    view.close()
    last = screen.getvalue().rpartition("0:01:15.0 ")[2]
    assert "left" not in last
    assert "real time" not in last


def test_nothing_wraps_or_is_cut_in_a_small_terminal() -> None:
    """In 80x12 segments have one line each, notes are shown whole, and the bar stays in sight."""
    screen = io.StringIO()
    view = LiveView(Console(file=screen, force_terminal=True, width=80, height=12, color_system=None))
    for number in range(12):
        segment = events.SegmentClosed(
            segment_id=f"s{number:04d}", t_start_s=36_000.0, t_end_s=36_030.0, kind="anomalous",
            closed_by="end_of_stream", detected_at_s=36_030.0, windows=30, score_mean=0.123, score_max=0.2,
            theta_on=0.1, theta_off=0.05, period_s=12.3, cycles=2, damaged_s=0.5, keyframes=1, frames_digest="",
        )  # fmt: skip
        view.event(segment)
    reason = "no packet for 12.0 s; refers to a missing picture; the container breaks off: Input/output error"
    view.event(events.SourceDamaged(t_start_s=36_000.0, t_end_s=36_012.0, reason=reason, packets=1234))
    view.progress(36_030.0, 72_000.0, 123.4)
    view.close()
    frame = re.split(r"(?:\x1b\[1A|\x1b\[2K)+", screen.getvalue())[-1]
    lines_shown = [re.sub(r"\x1b\[[?\d;]*[a-zA-Z]", "", line).rstrip() for line in frame.strip().splitlines()]
    text = " ".join(" ".join(lines_shown).split())
    assert len(lines_shown) <= 12
    assert max(map(len, lines_shown)) <= 80
    assert "…" not in text
    assert "s0011 10:00:00.0 10:00:30.0 anomalous score 0.123, every 12.3 s, 0.5 s lost" in text
    assert f"1234 packets lost: {reason}" in text
    assert "10:00:30.0 123.4 x real time, 0:04:51.5 left" in text


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
