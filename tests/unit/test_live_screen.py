"""What a terminal's screen and scrollback show of one run and of several."""

import pytest

from stream.commands.rectify import shown_position
from stream.pipeline.facts import SegmentKind
from stream.records.schema import events
from stream.ui.live import LiveScreen, LiveView
from stream.ui.notes import Note
from stream.ui.screen import PlainScreen, SeriesProgress, make_screen
from tests.support.terminal import Terminal

SIZES = [(80, 24), (80, 12), (40, 8)]


def closed(number: int, kind: SegmentKind = "typical") -> events.SegmentClosed:
    """A segment of ten seconds, with all that a line can say of one."""
    return events.SegmentClosed(
        segment_id=f"s{number:04}", t_start_s=10.0 * number, t_end_s=10.0 * number + 10, kind=kind,
        closed_by="max_duration", detected_at_s=0.0, windows=10, score_mean=0.123, score_max=0.2, period_s=12.3,
        damaged_s=0.5,
    )  # fmt: skip


def finished(decoded_s: float) -> events.RunFinished:
    return events.RunFinished(
        decoded_s=decoded_s, annotated_s=0.0, skipped_s=decoded_s, failed_s=0.0, damaged_s=0.0, segments=1,
        anomalous=0, frames=1, windows=1, packets_lost=0, wall_s=10.0, exit_code=0,
    )  # fmt: skip


def play(view: LiveView, segments: int) -> None:
    for number in range(segments):
        view.progress(10.0 * number, 10.0 * segments, 5.1)
        view.event(closed(number, "anomalous" if number == 3 else "typical"))


@pytest.mark.parametrize("size", SIZES)
def test_every_segment_stays_in_the_scrollback(size: tuple[int, int]) -> None:
    """Each once, in order, and below them, while the run lasts, one bar and nothing else."""
    terminal = Terminal(*size)
    with LiveScreen(terminal.console()) as screen:
        play(screen.view("clip"), 30)
        screen.refresh()
        lines = terminal.lines()
        assert [line[:5] for line in lines if line.startswith("s0")] == [f"s{number:04}" for number in range(30)]
        assert [line for line in lines if "━" in line or "of 0:05:00" in line] == lines[-1:]
        assert "0:04:50 of 0:05:00" in lines[-1]
    assert "of 0:05:00" not in "".join(terminal.lines())
    assert not terminal.screen.cursor.hidden


def test_lines_of_a_series_are_folded_between_words() -> None:
    """The summary of a clip in a narrow terminal: nothing is cut, and no word is broken."""
    summary = "  4  clip.mp4: finished: 0:01:15.0 of video in 2.1 s (35.7 x real time), 4 segments, 1.73 s damaged"
    terminal = Terminal(40, 8)
    with LiveScreen(terminal.console()) as screen:
        screen.line(summary)
        screen.line("2 of 2 clips done")
    *folded, last = terminal.lines()
    assert last == "2 of 2 clips done"
    assert len(folded) > 1
    assert [word for line in folded for word in line.split()] == summary.split()


def test_the_end_agrees_with_itself() -> None:
    """The bar is full and above the summary, which has the only speed; below it is nothing."""
    terminal = Terminal(80, 12)
    with LiveScreen(terminal.console()) as screen:
        view = screen.view("clip")
        view.progress(70.0, 75.0, 3.1)
        screen.refresh()
        view.event(finished(75.0))
        view.close()
    bar, *summary = terminal.lines()
    assert bar.startswith("clip  ━━━")
    assert bar.endswith("100%  0:01:15 of 0:01:15")
    assert " ".join(summary).startswith("finished: 0:01:15.0 of video in 10.0 s (7.5 x real time), ")


def test_colours_mean_something() -> None:
    """Anomalous is yellow, failed red, done green, and numbers are not coloured for being numbers."""
    terminal = Terminal(80, 24)
    with LiveScreen(terminal.console()) as screen:
        view = screen.view("clip")
        play(view, 5)
        view.event(events.SegmentFailed(segment_id="s0001", reason="no JSON"))
        view.note(Note("decoding on the CPU", "warning"))
        view.event(events.RunFailed(reason="no room", exit_code=6, decoded_s=12.0))
        view.event(events.RunFailed(reason="stopped by SIGINT", exit_code=130, decoded_s=12.0))
        screen.refresh()
        assert terminal.colour_of("s0003  0:00:30.0") == "brown"  # pyte's word for the standard yellow
        assert terminal.colour_of("0:00:20.0") == "default"
        assert terminal.colour_of("failed: no JSON") == "red"
        assert terminal.colour_of("decoding on the CPU") == "brown"
        assert terminal.colour_of("stopped by SIGINT at 0:00:12.0") == "default"
        assert terminal.colour_of("━") == "cyan"
        assert "no room" not in "".join(terminal.lines())  # the command prints the error that ends it
        view.event(finished(50.0))
    assert terminal.colour_of("━") == terminal.colour_of("finished:") == "green"


def test_an_open_anomaly_is_seen_in_the_bar() -> None:
    """From its start to its end, also one that begins with the clip."""
    terminal = Terminal(120, 12)
    with LiveScreen(terminal.console()) as screen:
        view = screen.view("clip")
        view.progress(10.0, 75.0, 2.0)
        view.event(events.SegmentOpened(segment_id="s0000", t_start_s=0.0, kind="anomalous", detected_at_s=5.0))
        screen.refresh()
        assert terminal.lines()[-1].endswith("0:00:32 left, anomalous since 0:00:00")
        assert terminal.colour_of("━") == "brown"
        view.event(closed(0, "anomalous"))
        screen.refresh()
        assert "anomalous" not in terminal.lines()[-1]


def test_a_resized_terminal_shows_one_bar() -> None:
    """A frame erases what is below the cursor, which rests on its first line, however long that was before."""
    terminal = Terminal(80, 12)
    console = terminal.console()
    with LiveScreen(console) as screen:
        views = [screen.view(f"clip {number}", ["clip 0", "clip 1"]) for number in range(2)]
        for columns, lines in ((80, 12), (40, 8), (100, 30), (60, 10)):
            terminal.screen.resize(lines, columns)
            console.size = console.size._replace(width=columns, height=lines)
            for view in views:
                view.progress(10.0, 75.0, 2.0)
            screen.refresh()
            assert [line[:6] for line in terminal.shown() if line] == ["clip 0", "clip 1"]


def test_a_frame_for_a_wider_terminal_is_cut_not_wrapped() -> None:
    """While a terminal becomes narrower a frame may be too wide for it; the next one leaves nothing of it."""
    terminal = Terminal(80, 12)
    with LiveScreen(terminal.console()) as screen:
        view = screen.view("clip")
        terminal.screen.resize(12, 30)
        for t_s in (10.0, 20.0):
            view.progress(t_s, 75.0, 2.0)
            screen.refresh()
        assert len([line for line in terminal.lines() if line]) == 1
        view.event(closed(1))
    assert "s0001" in "".join(terminal.lines())


def test_a_series_has_its_own_bar() -> None:
    """Clips done of all, those that failed, and the time left by the clips that were run, not by those skipped."""
    now_s = [0.0]
    terminal = Terminal(80, 12)
    with LiveScreen(terminal.console(), lambda: now_s[0]) as screen:
        screen.series(SeriesProgress(clips=5, done=0))
        assert terminal.lines() == [""]
        now_s[0] = 100.0
        view = screen.view("clip")
        screen.series(SeriesProgress(clips=5, done=2, failed=1, immediate=1))
        view.progress(30.0, 60.0, 1.0)
        now_s[0] = 160.0  # a minute for one clip and a half
        screen.refresh()
        clip, series = terminal.lines()
        assert clip.startswith("clip   ━")
        assert series.startswith("clips  ━")
        assert series.endswith("50%  2 of 5 done, 1 failed, 0:01:40 left")
        view.close()
        screen.refresh()
        assert len(terminal.lines()) == 1


def test_jobs_have_a_line_each_as_far_as_there_is_room() -> None:
    """In a low terminal the last lines say how many more there are; printed lines begin with the short name."""
    names = [f"factory001_worker001_{number:05}.mp4" for number in range(12)]
    terminal = Terminal(80, 8)
    with LiveScreen(terminal.console()) as screen:
        screen.series(SeriesProgress(clips=12, done=0))
        views = [screen.view(name, names) for name in names]
        views[11].event(closed(7, "anomalous"))
        screen.refresh()
        lines = terminal.lines()
        assert lines[0] == "00011  s0007  0:01:10.0 to 0:01:20.0  anomalous  score 0.123, every 12.3 s, 0.5"
        assert [line.split()[0] for line in lines[-7:]] == ["00000", "00001", "00002", "00003", "00004", "and", "clips"]
        assert lines[-2].strip() == "and 7 more"


def test_only_a_terminal_that_can_move_its_cursor_has_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    """TERM=dumb gets the lines of a pipe; NO_COLOR gets no colours."""
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(make_screen(Terminal(80, 12).console()), PlainScreen)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal(80, 12)
    screen = make_screen(terminal.console())
    assert isinstance(screen, LiveScreen)
    with screen:
        play(screen.view("clip"), 5)
        screen.refresh()
        assert {terminal.colour_of("s0003"), terminal.colour_of("━")} == {"default"}
        assert terminal.lines()[-1].endswith("0:00:40 of 0:00:50, 5.1 x real time, 0:00:01 left")


def test_rectify_has_a_bar_for_the_clip_and_one_for_all() -> None:
    """As a series of runs; in a pipe there are lines instead."""
    terminal = Terminal(80, 12)
    console = terminal.console()
    with LiveScreen(console) as screen:
        screen.series(SeriesProgress(clips=4, done=1))
        with shown_position(console, screen, "clip", 60.0) as show:
            show(30.0)
            screen.refresh()
            clip, series = terminal.lines()
            assert clip.startswith("clip   ━")
            assert "50%  0:00:30 of 0:01:00" in clip
            assert "1 of 4 done" in series
