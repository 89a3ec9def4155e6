"""The program in a real terminal: what is on the screen, and in the scrollback, when it has ended."""

import re
import signal
from functools import partial
from pathlib import Path

import pytest

from tests.support.clips import make_clip
from tests.support.inline import run_inline
from tests.support.runs import make_clip_with_lens
from tests.support.terminal import Terminal, in_terminal

INLINE = ("--encoder", "grid", "--engine", "inline")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two clips of three seconds, and their calibration."""
    folder = tmp_path_factory.mktemp("worker")
    first = make_clip_with_lens(folder, seconds=3)
    first.rename(folder / "worker_00000.mp4")
    make_clip(folder / "worker_00001.mp4", frames=90, key_every=30)
    return folder


def is_tidy(terminal: Terminal) -> bool:
    """Whether no bar that is not full is left, and the cursor can be seen."""
    bars = [line for line in terminal.lines() if "━" in line]
    return all("100%" in line for line in bars) and not terminal.screen.cursor.hidden


def is_shown(words: str, terminal: Terminal) -> bool:
    return words in "\n".join(terminal.lines())


@pytest.mark.parametrize(("size", "jobs"), [((80, 24), "1"), ((40, 8), "1"), ((80, 12), "2")])
def test_a_series_stays_in_the_scrollback(size: tuple[int, int], jobs: str, clips: Path, tmp_path: Path) -> None:
    """Each clip's segments and summary, once, and the totals at the end; no bar stays below them."""
    with in_terminal(clips, *INLINE, "--out", tmp_path, "--jobs", jobs, size=size) as session:
        terminal = session.end()
    assert session.process.returncode == 0
    lines = terminal.lines()
    segments = [line.split() for line in lines if "s0000" in line]
    assert len(segments) == 2
    if jobs == "2":
        assert sorted(words[0] for words in segments) == ["00000", "00001"]
    assert sum("finished:" in line for line in lines) >= 2
    assert "2 of 2 clips done; 0:00:06.0 of video" in " ".join(lines)
    assert "".join(lines[-9:]).replace(" ", "").endswith(f"0anomalous;resultsin{tmp_path}")
    assert is_tidy(terminal)


def test_a_resized_terminal_and_a_stop(clips: Path, tmp_path: Path) -> None:
    """The bar fits whatever the terminal's size becomes; Ctrl-C is a stop, not a failure, and is said once."""
    clip = clips / "worker_00000.mp4"
    with in_terminal(clip, *INLINE, "--out", tmp_path, "--loop", "--pace", "realtime") as session:
        session.until(lambda terminal: "1.0 x real time" in terminal.lines()[-1])
        session.resize(40, 8)
        session.until(lambda terminal: terminal.lines()[-1].startswith("worker_00000  0:00:"))
        session.process.send_signal(signal.SIGINT)
        terminal = session.end()
    assert session.process.returncode == 130
    text = "\n".join(terminal.lines())
    assert text.count("stopped by SIGINT at 0:00:0") == 1
    assert "failed" not in text
    assert is_tidy(terminal)


def test_no_colour_and_no_cursor(clips: Path, tmp_path: Path) -> None:
    """NO_COLOR has bars without colours; TERM=dumb has plain lines without a single escape."""
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        out = tmp_path / next(iter(environment))
        with in_terminal(clips / "worker_00000.mp4", *INLINE, "--out", out, environment=environment) as session:
            session.end()
        assert re.search(rb"\x1b\[(?:\d+;)*[34]\d", session.output) is None
        assert (b"\x1b" in session.output) == ("NO_COLOR" in environment)
        assert session.process.returncode == 0


def test_the_demo_shows_how_far_it_has_rendered(tmp_path: Path) -> None:
    """Which takes longer than running the chain; the bar is gone when it is stopped."""
    with in_terminal("demo", "--out", tmp_path) as session:
        session.until(partial(is_shown, "rendering  0:00:"))
        session.process.send_signal(signal.SIGTERM)
        terminal = session.end()
    assert session.process.returncode == 143
    assert not any("rendering  0:00" in line for line in terminal.lines())
    assert not terminal.screen.cursor.hidden


def test_tail_says_what_it_waits_for(clips: Path, tmp_path: Path) -> None:
    """Of a folder that is not there yet; then it follows the newest run in it to its end."""
    runs = tmp_path / "runs"
    with in_terminal("tail", runs, size=(160, 12)) as session:
        session.until(lambda terminal: f"waiting for a run in {runs}, which does not exist yet" in terminal.lines()[-1])
        assert run_inline(clips / "worker_00000.mp4", *INLINE[:2], "--out", runs).returncode == 0
        terminal = session.end()
    assert session.process.returncode == 0
    first, *_, last = terminal.lines()
    assert first == f"following {runs / 'worker_00000'}"
    assert last.startswith("finished: 0:00:03.0 of video")
    assert is_tidy(terminal)


def test_tail_follows_all_runs_of_a_folder(clips: Path, tmp_path: Path) -> None:
    """Also those that begin later, until it is stopped."""
    with in_terminal("tail", "--all", tmp_path, size=(100, 24)) as session:
        for name in ("worker_00000", "worker_00001"):
            assert run_inline(clips / f"{name}.mp4", *INLINE[:2], "--out", tmp_path).returncode == 0
            session.until(partial(is_shown, f"{name}  finished: "))
        session.until(lambda terminal: terminal.lines()[-1].endswith("2 runs, waiting for more"))
        session.process.send_signal(signal.SIGINT)
        terminal = session.end()
    assert session.process.returncode == 130
    assert is_tidy(terminal)
