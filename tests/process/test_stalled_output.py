"""Terminals and pipes that nobody reads, readers that go away and full disks: a run neither waits nor ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from stream.records.schema import events
from stream.records.schema.layout import RunLayout
from stream.records.store.event_log import read_events
from tests.support.clips import make_clip, remux
from tests.support.inline import run_inline
from tests.support.runs import (
    DEADLINE_S,
    make_clip_with_lens,
    manifest,
    program,
    started,
    wait_for_event,
    workers,
    write_intrinsics,
)
from tests.support.stalled import Stalled, full_pipe, stopped_terminal

Stall: TypeAlias = Callable[[], AbstractContextManager[Stalled]]
GRID = ("--encoder", "grid")
INLINE = (*GRID, "--engine", "inline")
JSON = ("--log-format", "json")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds, and their calibration."""
    return make_clip_with_lens(tmp_path_factory.mktemp("views"), seconds=6, fps=5)


@contextmanager
def under_way(*args: str | Path, output: int, **more: Any) -> Iterator[subprocess.Popen[str]]:  # noqa: ANN401 - of Popen
    """The program, with one descriptor for its output and its errors; it is killed at the end if it still runs."""
    with subprocess.Popen(program(*args), stdout=output, stderr=output, text=True, **more) as process:
        try:
            yield process
        finally:
            process.kill()


def last(run_dir: Path) -> events.Event:
    """The last event of a run whose log is complete."""
    story = list(read_events(RunLayout(run_dir, run_dir.name).events))
    assert [event.seq for event in story] == list(range(len(story)))
    return story[-1]


def checkpoint_at(t_s: float) -> Callable[[events.Event], bool]:
    """Whether an event says that a run has come as far as this."""
    return lambda event: isinstance(event, events.Checkpoint) and event.t_s >= t_s


@pytest.mark.parametrize(
    ("stall", "options", "number"),
    [
        (stopped_terminal, GRID, signal.SIGTERM),
        (stopped_terminal, INLINE, signal.SIGHUP),
        (full_pipe, (*GRID, *JSON), signal.SIGINT),
        (full_pipe, INLINE, signal.SIGTERM),
    ],
)
def test_a_run_goes_on_and_ends_when_nobody_reads(
    stall: Stall, options: tuple[str, ...], number: signal.Signals, clip: Path, tmp_path: Path
) -> None:
    """Its events are all on disk, its health file is new, and one signal ends it in order."""
    with stall() as ends, under_way(clip, *options, "--out", tmp_path, "--loop", output=ends.writing) as process:
        wait_for_event(tmp_path / "clip", checkpoint_at(30.0), process)
        process.send_signal(number)
        assert process.wait(DEADLINE_S) == 128 + number
    ended = last(tmp_path / "clip")
    assert isinstance(ended, events.RunFailed)
    assert (ended.reason, ended.exit_code) == (f"stopped by {number.name}", 128 + number)
    assert json.loads((tmp_path / "clip" / "health.json").read_text())["exit_code"] == 128 + number


def test_a_finished_run_does_not_wait_to_be_read(clip: Path, tmp_path: Path) -> None:
    """Also without a signal, and what is missing from standard output is said on standard error."""
    with full_pipe() as ends:
        result = subprocess.run(
            program(clip, *INLINE, "--out", tmp_path),
            stdout=ends.writing, stderr=subprocess.PIPE, text=True, timeout=DEADLINE_S, check=False,
        )  # fmt: skip
    assert result.returncode == 0
    assert result.stderr.endswith("lines were dropped, because standard output was not read\n")
    assert isinstance(last(tmp_path / "clip"), events.RunFinished)


def test_clips_side_by_side_end_at_a_hangup(tmp_path: Path) -> None:
    """The terminal is stopped, then closed: each clip ends in order, and can be resumed."""
    clip = make_clip_with_lens(tmp_path, seconds=60, fps=5)  # neither ends before the other has begun
    other = make_clip(tmp_path / "other.mp4", frames=300, fps=5)
    words = (clip, other, *GRID, "--out", tmp_path, "--jobs", "2", "--pace", "realtime")
    with stopped_terminal() as ends, under_way(*words, output=ends.writing) as process:
        for name in ("clip", "other"):
            wait_for_event(tmp_path / name, lambda event: isinstance(event, events.SegmentOpened), process)
        process.send_signal(signal.SIGHUP)
        assert process.wait(DEADLINE_S) == 129
    assert [manifest(tmp_path / name)["exit_code"] for name in ("clip", "other")] == [129, 129]
    assert run_inline(*words[:-4]).returncode == 0


def test_a_closed_terminal_stops_a_run_unless_it_is_ignored(clip: Path, tmp_path: Path) -> None:
    """Under nohup SIGHUP is ignored, also by the processes of the chain, and the run ends by itself.

    Its source is a pipe: it cannot end before the pipe is closed.
    """
    stream = remux(clip, tmp_path / "clip.ts").read_bytes()
    assert len(stream) < 65536  # a pipe's buffer takes it whole
    words = ("-", *GRID, "--no-rectify", "--out", tmp_path)

    def ignore() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with under_way(*words, stdin=subprocess.PIPE, output=subprocess.DEVNULL, preexec_fn=ignore) as process:
        assert process.stdin is not None
        os.write(process.stdin.fileno(), stream)
        wait_for_event(tmp_path / "stdin", lambda event: isinstance(event, events.SegmentOpened), process)
        for worker in workers(process):
            worker.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGHUP)
        process.stdin.close()
        assert process.wait(DEADLINE_S) == 0


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_series_outlives_its_reader(jobs: str, clip: Path, tmp_path: Path) -> None:
    """``run A B | head -n 1``: all clips are run, and the exit code is theirs."""
    other = make_clip(clip.with_name("other.mp4"), frames=20)
    with started(clip, other, *INLINE, "--out", tmp_path, "--jobs", jobs) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        process.stderr.close()
        assert process.wait(DEADLINE_S) == 0
    series = json.loads((tmp_path / "series.json").read_text())
    assert [each["exit_code"] for each in series["clips"]] == [0, 0]


def test_a_full_disk_of_the_output_is_not_the_runs(clip: Path, tmp_path: Path) -> None:
    """The run finishes; the sentence names standard output. A product that cannot be written is exit code 6."""
    for words, code in (((clip, *INLINE, "--out", tmp_path), 0), (("tail", tmp_path / "clip"), 6)):
        with Path("/dev/full").open("w") as full:
            result = subprocess.run(
                program(*words), stdout=full, stderr=subprocess.PIPE, text=True, timeout=DEADLINE_S, check=False
            )
        assert result.returncode == code
        assert "standard output cannot be written" in result.stderr
        assert "No space left on device" in result.stderr
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_a_command_that_waits_for_its_reader(number: signal.Signals, tmp_path: Path) -> None:
    """``tail`` loses no line to a slow reader, but a signal ends it at once, also the flush at its exit."""
    (tmp_path / "clip").mkdir()
    opened = (
        '{"v":1,"seq":%d,"time":"2026-01-01T00:00:00.000+00:00","event":"segment.opened","segment_id":"s0000",'
        '"t_start_s":0.0,"kind":"typical","detected_at_s":0.0}\n'
    )
    (tmp_path / "clip" / "events.jsonl").write_text("".join(opened % seq for seq in range(2000)))
    with started("tail", tmp_path / "clip") as process:
        assert process.stdout is not None
        assert '"seq":0,' in process.stdout.readline()
        process.send_signal(number)
        assert process.wait(DEADLINE_S) == 128 + number


LIBRARY = """
import os, subprocess, sys
from stream.ui import standard_streams

standard_streams.install()
standard_streams.never_wait()
for _ in range(20):
    os.write(2, b"x265 [info]: a line of a library in C\\n" * 100)
subprocess.run([sys.executable, "-c", "import sys; sys.stderr.write('a child\\x1b[2J\\\\n' * 10)"], check=True)
print("done")
standard_streams.finish()
"""


def test_libraries_and_children_wait_for_nobody_either(tmp_path: Path) -> None:
    """What they write to standard error themselves is passed on printable, or dropped."""
    command = [sys.executable, "-c", LIBRARY]
    with full_pipe() as ends:
        result = subprocess.run(
            command, stdout=ends.writing, stderr=ends.writing, cwd=tmp_path, timeout=DEADLINE_S, check=False
        )
    assert result.returncode == 0
    read = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    lines = read.stderr.splitlines()
    assert lines.count("x265 [info]: a line of a library in C") == 2000
    assert lines.count("a child\ufffd[2J") == 10
    assert (read.returncode, read.stdout) == (0, "done\n")


def test_any_name_can_be_printed(clip: Path, tmp_path: Path) -> None:
    """Bytes that are no text, and what acts on a terminal, in ASCII: the run is done, and its words are harmless."""
    folder = tmp_path / "clips"
    folder.mkdir()
    write_intrinsics(folder)
    odd = os.fsencode(folder) + b"/\xff\x1b[31m\xc3\xa4.mp4"
    with open(odd, "wb") as copy:  # noqa: PTH123 - a name in bytes
        copy.write(clip.read_bytes())
    result = subprocess.run(
        program(os.fsdecode(odd), clip, *INLINE, "--out", tmp_path / "runs"),
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True, timeout=DEADLINE_S, check=False,
    )  # fmt: skip
    assert result.returncode in (0, 2, 3)
    for text in (result.stdout, result.stderr):
        assert text.isascii()
        assert b"\x1b" not in text
        assert b"Traceback" not in text
    assert rb"\ufffd[31m\xe4" in result.stdout + result.stderr
