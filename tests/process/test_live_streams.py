"""Runs of byte streams: over HTTP, through a pipe, from a growing file; and of a device that does not exist."""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Thread
from unittest.mock import patch

import pytest

from stream.config import Options
from stream.engines.batch import Outcome
from stream.engines.clip import ClipRunner
from stream.records.schema import events
from stream.records.store.event_log import read_events
from stream.ui.view import View
from tests.support.at_event import at_event
from tests.support.inline import run_inline
from tests.support.live_http import serving
from tests.support.runs import manifest, write_intrinsics
from tests.support.stream_clips import make_stream_clips

RUN = ("--no-rectify", "--encoder", "grid")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One clip of four seconds in every container that can be streamed, by ending."""
    return make_stream_clips(tmp_path_factory.mktemp("streams"))


@contextmanager
def standard_input(fd: int) -> Iterator[None]:
    """The file ``fd`` is standard input during the block."""
    with open(fd, closefd=False) as stdin, patch.object(sys, "stdin", stdin):
        yield


@contextmanager
def piped(data: bytes) -> Iterator[None]:
    """These bytes come through a pipe on standard input during the block."""
    read_fd, write_fd = os.pipe()

    def write() -> None:
        with os.fdopen(write_fd, "wb") as pipe:
            pipe.write(data)

    writer = Thread(target=write)
    writer.start()
    try:
        with standard_input(read_fd):
            yield
        writer.join()
    finally:
        os.close(read_fd)


def test_a_run_of_a_file_on_a_server(tmp_path: Path, clips: dict[str, Path]) -> None:
    """Its length is known, and once it is finished, the same command has nothing to do."""
    with serving(clips["ts"].read_bytes(), "ranges") as served:
        first = run_inline(served.url, *RUN, "--out", tmp_path)
        again = run_inline(served.url, *RUN, "--out", tmp_path)
    assert (first.returncode, again.returncode) == (0, 0), first.stderr
    assert "0:00:04.0 of video" in first.stdout
    assert "nothing to do" in again.stdout


@pytest.mark.parametrize("way", ["chunked", "until closed"])
def test_a_stream_that_breaks_off_is_requested_again(tmp_path: Path, clips: dict[str, Path], way: str) -> None:
    """As a camera's is. An end that cannot be distinguished from a cut counts as a cut."""
    with serving(clips["ts"].read_bytes(), way, authorization="Basic dTpnZWhlaW03") as served:  # type: ignore[arg-type]
        url = served.url.replace("http://", "http://u:geheim7@")
        served.cut_after = [10**9, 10**9, len(served.data) // 2, *[0] * 99]
        patience = ("--reconnect-timeout-s", "0.5", "--max-lag-s", "600")  # a busy machine drops nothing either
        result = run_inline(url, *RUN, "--out", tmp_path, *patience)
    assert result.returncode == 4, result.stderr
    (run_dir,) = tmp_path.iterdir()
    story = list(read_events(run_dir / "events.jsonl"))
    assert [event.event for event in story if event.event.startswith("source.")] == ["source.lost"]
    assert isinstance(story[-1], events.RunFinished)
    assert 30 < story[-1].frames < 120
    assert b"geheim7" not in b"".join(path.read_bytes() for path in run_dir.rglob("*") if path.is_file())


def test_a_run_of_standard_input(tmp_path: Path, clips: dict[str, Path]) -> None:
    """No window is skipped, although all data comes at once; the record has neither a hash nor a size."""
    with piped(clips["ts"].read_bytes()):
        result = run_inline("-", *RUN, "--out", tmp_path)
    assert result.returncode == 0, result.stderr
    finish = list(read_events(tmp_path / "stdin" / "events.jsonl"))[-1]
    assert isinstance(finish, events.RunFinished)
    assert (finish.frames, finish.windows, finish.exit_code) == (120, 2, 0)
    source = manifest(tmp_path / "stdin")["source"]
    assert (source["name"], source["size_bytes"], source["sha256"]) == ("-", None, None)


@pytest.mark.parametrize(("source", "resumable"), [("-", False), ("{clip}", True)])
def test_only_a_run_that_can_be_resumed_advises_it(
    tmp_path: Path, clips: dict[str, Path], source: str, *, resumable: bool
) -> None:
    """Standard input cannot be read again, so neither the run nor its outcome advises to repeat the command."""
    outcomes: list[Outcome] = []

    run_clip = ClipRunner.run

    def record(runner: ClipRunner, clip: str, options: Options, view: Callable[[str], View]) -> Outcome:
        outcomes.append(outcome := run_clip(runner, clip, options, view))
        return outcome

    with (
        clips["ts"].open("rb") as file,
        standard_input(file.fileno()),
        patch.object(ClipRunner, "run", record),
        at_event(events.RunStarted, partial(signal.raise_signal, signal.SIGTERM)),
    ):
        stopped = run_inline(source.format(clip=clips["ts"]), *RUN, "--out", tmp_path)
    assert stopped.returncode == 143, stopped.stderr
    advice = "run the same command again to resume"
    assert (advice in stopped.stdout + stopped.stderr) == resumable
    assert ("this run cannot be resumed" in stopped.stdout + stopped.stderr) != resumable
    assert [outcome.message for outcome in outcomes] == [f"stopped: {advice if resumable else 'it cannot be resumed'}"]


def test_standard_input_that_is_not_a_video_is_refused(tmp_path: Path) -> None:
    """The exit code is that of an unreadable input."""
    with piped(b"x" * 9999):
        result = run_inline("-", *RUN, "--out", tmp_path)
    assert result.returncode == 3
    assert "- is not a video that can be read" in result.stderr


def test_a_run_of_a_growing_file(tmp_path: Path, clips: dict[str, Path]) -> None:
    """The calibration beside it is used, and so are the options for growing files."""
    clip = Path(shutil.copy(clips["ts"], tmp_path / "grows.ts"))
    write_intrinsics(tmp_path)
    result = run_inline("--follow", clip, "--read-timeout-s", "0.3", "--encoder", "grid", "--out", tmp_path / "runs")
    assert result.returncode == 0, result.stderr
    assert "0:00:04.0 of video" in result.stdout


def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    """One sentence, at once: there is no waiting for a camera that is not plugged in."""
    result = run_inline("/dev/video99", *RUN, "--out", tmp_path)
    assert result.returncode == 3
    assert result.stderr == "egoclean-stream: /dev/video99 cannot be read: No such file or directory\n"


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["--follow", "gone.ts"], "--follow gone.ts: there is no such file"),
        (["--max-lag-s", "3", "{clip}"], "--max-lag-s is for live sources"),
        (["--duration-s", "0", "{clip}"], "--duration-s 0: must be at least 0.001 and at most 100000000"),
    ],
)
def test_live_options_that_make_no_sense(
    tmp_path: Path, clips: dict[str, Path], args: list[str], sentence: str
) -> None:
    """They are refused before anything is read."""
    result = run_inline(*(arg.format(clip=clips["ts"]) for arg in args), *RUN, "--out", tmp_path)
    assert result.returncode == 2
    assert sentence in result.stderr


def test_a_terminal_is_not_a_source(tmp_path: Path) -> None:
    """Otherwise, a person who types ``-`` alone would wait in vain."""
    leader, terminal = os.openpty()
    with standard_input(terminal):
        result = run_inline("-", *RUN, "--out", tmp_path)
    os.close(terminal)
    os.close(leader)
    assert result.returncode == 2
    assert "standard input is a terminal" in result.stderr
