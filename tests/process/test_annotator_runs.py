"""Runs by processes with an annotator behind a real server: held up, killed, stopped, resumed."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from stream.records.schema import events
from tests.support.described import (
    actions,
    assert_described_alike,
    described_segments,
    events_of,
    hang_after,
    is_annotated,
    release,
    words,
)
from tests.support.inline import run_here, run_inline
from tests.support.openai_server import OpenAIServer, serving
from tests.support.runs import DEADLINE_S, manifest, run_cli, started, wait_for_event, workers


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    """A server that answers everything well, unless scripted otherwise."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with serving() as server:
        yield server


def spans(run_dir: Path) -> list[tuple[float, float]]:
    """When something is described."""
    return [(action["t_start_s"], action["t_end_s"]) for action in actions(run_dir)]


def test_tiny_spool_never_deadlocks(
    described_clip: Path, undisturbed: Path, server: OpenAIServer, tmp_path: Path
) -> None:
    """With room for few segments' keyframes the chain waits for the annotator, again and again, and loses none."""
    frames = ("--keyframe-fps", "15", "--keyframe-px", "128", "--keyframe-cache-mib", "1")
    assert run_cli(*words(described_clip, tmp_path, server, *frames, "--queue-mib", "1")).returncode == 0
    spans = [
        [(each["t_start_s"], each["t_end_s"]) for each in actions(run)] for run in (tmp_path / "clip", undisturbed)
    ]
    assert spans[0] == spans[1]
    assert not [event for event in events_of(tmp_path / "clip") if isinstance(event, events.SegmentSkipped)]
    processes = manifest(tmp_path / "clip")["usage"]["processes"]
    assert set(processes) == {"ingest", "encode", "detect", "record", "annotate"}


def test_stop_with_a_full_keyframe_cache_does_not_block(
    described_clip: Path, server: OpenAIServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chain is drained although the annotator hangs, and the same command processes what was left, all of it."""
    monkeypatch.setattr("stream.runtime.signals.DRAIN_S", 10_000.0)  # only a chain that is drained ends
    hang_after(server, 0)
    run_dir, has_ended = tmp_path / "clip", Event()
    arguments = words(
        described_clip, tmp_path, server, "--keyframe-fps", "15", "--keyframe-px", "128", "--keyframe-cache-mib", "1"
    )

    def stop_when_full() -> None:
        while sum(path.stat().st_size for path in run_dir.glob("keyframes/*.jpg")) + 128**2 <= 2**20:
            if has_ended.wait(0.02):
                return
        os.kill(os.getpid(), signal.SIGTERM)

    stopper = Thread(target=stop_when_full)
    stopper.start()
    try:
        assert run_here(*arguments).returncode == 143
    finally:
        has_ended.set()
        stopper.join()
    release(server)
    assert run_inline(*arguments).returncode == 0
    last = events_of(run_dir)[-1]
    assert isinstance(last, events.RunFinished)
    assert (round(last.annotated_s, 6), last.skipped_s) == (21.0, 0.0)


def test_inline_run_waits_for_no_answer(described_clip: Path, server: OpenAIServer, tmp_path: Path) -> None:
    """With one process, too, a run ends after one signal, although the server never answers."""
    hang_after(server, 0)
    request_arrived = Event()
    server.strikes = lambda _: request_arrived.set()
    patience = ("--annotator-request-timeout-s", "3600")
    with started(*words(described_clip, tmp_path, server, *patience), "--engine", "inline") as process:
        assert request_arrived.wait(DEADLINE_S)
        process.terminate()
        assert process.wait(DEADLINE_S) == 143


def stop(process: subprocess.Popen[str]) -> int:
    """SIGTERM: the model is not waited for."""
    process.terminate()
    return 143


def kill(process: subprocess.Popen[str]) -> int:
    """The supervisor and all its processes at once."""
    for worker in workers(process):
        worker.kill()
    process.kill()
    return -signal.SIGKILL


def is_last(event: events.Event) -> bool:
    """Whether the clip has been decoded to its end."""
    return isinstance(event, events.SegmentClosed) and event.closed_by == "end_of_stream"


@pytest.mark.parametrize(("end", "moment"), [(stop, is_last), (kill, is_annotated)])
def test_interrupted_run_is_resumed(
    described_clip: Path,
    undisturbed: Path,
    server: OpenAIServer,
    tmp_path: Path,
    end: Callable[[subprocess.Popen[str]], int],
    moment: Callable[[events.Event], bool],
) -> None:
    """A run that ends while the server hangs waits for no answer, and the same command asks for what is missing."""
    hang_after(server, 3)
    run_dir = tmp_path / "clip"
    with started(*words(described_clip, tmp_path, server)) as process:
        wait_for_event(run_dir, moment, process)
        code = end(process)
        assert process.wait(DEADLINE_S) == code
    before = [event for event in events_of(run_dir) if is_annotated(event)]
    release(server)
    server.requests.clear()
    resume = run_inline if end is stop else run_cli
    assert resume(*words(described_clip, tmp_path, server)).returncode == 0
    assert_described_alike(run_dir, undisturbed)
    assert len(server.requests) <= len(described_segments(run_dir)) - len(before)
