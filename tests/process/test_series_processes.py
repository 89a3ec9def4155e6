"""The clips of a series share processes: what they hold between clips, and what becomes of them."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from unittest.mock import Mock

import psutil
import pytest

from stream.config import Options
from stream.engines.clip import ClipRunner
from stream.errors import ExitCode
from stream.records.schema import events
from stream.records.store.event_log import read_events
from stream.ui.view import View
from tests.support.clips import make_clip
from tests.support.resumed import GRID, QUICK, assert_same
from tests.support.runs import DEADLINE_S, manifest, started, wait_for_event, worker_named, workers, write_intrinsics


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    """Three clips of two seconds."""
    write_intrinsics(tmp_path)
    return [make_clip(tmp_path / f"{name}.mp4", frames=60) for name in ("a", "b", "c")]


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[ClipRunner]:
    """What runs the clips of a series."""
    with closing(ClipRunner(options(tmp_path))) as runner:
        yield runner
    assert psutil.wait_procs(psutil.Process().children(), timeout=DEADLINE_S)[1] == []


def options(folder: Path) -> Options:
    """Results go to ``runs``."""
    return Options(source="-").replace({"encoder.name": "grid", "output.folder": folder / "runs"})


def run(runner: ClipRunner, clip: Path) -> list[psutil.Process]:
    """Run a clip; returns the processes that wait for the next one."""
    outcome = runner.run(str(clip), options(clip.parent), lambda _: Mock(View))
    assert outcome.code == ExitCode.DONE, outcome.message
    return sorted(workers(psutil.Process()), key=lambda process: process.pid)


def test_processes_are_used_again_and_hold_nothing_of_the_last_run(clips: list[Path], runner: ClipRunner) -> None:
    """Its lock is free, its logs are closed, and no socket is left."""
    first = run(runner, clips[0])
    assert len(first) == 4
    for process in first:
        assert [file.path for file in process.open_files() if str(clips[0].parent) in file.path] == []
        targets = [str(link.readlink()) for link in Path(f"/proc/{process.pid}/fd").iterdir()]
        assert sum(target.startswith("socket:") for target in targets) == 1, targets  # its control line
    assert run(runner, clips[1]) == first
    encode = manifest(clips[1].parent / "runs" / "b")["usage"]["processes"]["encode"]
    assert (
        encode["starting_cpu_s"]
        < 0.5
        < manifest(clips[0].parent / "runs" / "a")["usage"]["processes"]["encode"]["cpu_s"] + 0.5
    ), "the first run pays for the start"


def test_one_that_dies_between_two_clips_is_replaced(clips: list[Path], runner: ClipRunner) -> None:
    """Nobody notices."""
    before = run(runner, clips[0])
    before[1].kill()
    before[1].wait(DEADLINE_S)
    after = run(runner, clips[1])
    assert (len(after), len({*before} & {*after})) == (4, 3)
    recorded = read_events(clips[1].parent / "runs" / "b" / "events.jsonl")
    assert not [event for event in recorded if isinstance(event, events.StageRestarted)]


def test_a_process_that_dies_at_work_is_not_used_again(worker_clip: Path, uninterrupted: Path, tmp_path: Path) -> None:
    """In the second clip of a series: the chain is restarted, and the bytes are those of an undisturbed run."""
    (tmp_path / "x").mkdir()
    write_intrinsics(tmp_path / "x")
    first = make_clip(tmp_path / "x" / "first.mp4", frames=60)
    words: tuple[str | Path, ...] = (first, worker_clip, *GRID, *QUICK, "--out", tmp_path / "runs", "--queue-mib", "1")
    run_dir = tmp_path / "runs" / "clip"
    with started(*words) as process:
        wait_for_event(run_dir, lambda event: isinstance(event, events.SegmentClosed), process)
        before = workers(process)
        worker_named(process, run_dir, "encode").kill()
        wait_for_event(run_dir, lambda event: isinstance(event, events.StageRestarted), process)
        assert process.wait(DEADLINE_S) == 0
        assert psutil.wait_procs(before, timeout=DEADLINE_S)[1] == []
    assert_same(run_dir, uninterrupted)


def test_a_series_that_is_killed_leaves_no_process_and_no_lock(clips: list[Path], tmp_path: Path) -> None:
    """Processes at work and waiting ones see that nobody is there."""
    long = make_clip(tmp_path / "long.mp4", frames=300, fps=5)
    words: tuple[str | Path, ...] = (clips[0], long, clips[1], *GRID, "--out", tmp_path / "runs", "--pace", "realtime")
    with started(*words) as process:
        wait_for_event(tmp_path / "runs" / "long", lambda event: event.event == "segment.opened", process)
        left = workers(process)
        assert len(left) == 4
        process.send_signal(signal.SIGKILL)
        assert psutil.wait_procs(left, timeout=DEADLINE_S)[1] == []


def test_jobs_use_their_processes_again(clips: list[Path], tmp_path: Path) -> None:
    """With two at a time, the third clip starts no process."""
    with started(*clips, *GRID, "--out", tmp_path / "runs", "--jobs", "2") as process:
        seen: set[int] = set()
        while process.poll() is None:
            seen |= {child.pid for child in workers(process)}
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.01)
    assert process.returncode == 0
    assert len(seen) == 2
