"""A process that dies, hangs or meets a fault is started again, as long as that leads anywhere."""

import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from stream.errors import StageFailedError
from stream.records.schema import events
from stream.records.store.event_log import read_events
from stream.runtime.chain_run import Restarts
from tests.support.resumed import GRID, QUICK, assert_same
from tests.support.runs import DEADLINE_S, freeze, run_cli, started, wait_for_event, worker_named


def fault(code: int = 70) -> StageFailedError:
    """A process that has ended with an error."""
    return StageFailedError("input/output error", code, "encode", transient=False)


def test_fault_that_comes_again_ends_the_run() -> None:
    """An error may pass, once; without a new state since, it will not. What has a code of its own never passes."""
    restarts = Restarts(3)
    assert [restarts.allow(fault(), t_s) for t_s in (5.0, 6.0, 6.0)] == [True, True, False]
    assert not any(Restarts(3).allow(fault(code), 5.0) for code in (2, 3, 5, 6))


def restarts_of(run_dir: Path) -> list[str]:
    """Which processes were the reason."""
    run_events = read_events(run_dir / "events.jsonl")
    return [event.process for event in run_events if isinstance(event, events.StageRestarted)]


def newborn(process: "subprocess.Popen[str]", run_dir: Path, name: str) -> psutil.Process:
    """A process of the chain, as soon as there is one: long before it has reported anything."""
    while True:
        assert process.poll() is None
        try:
            return worker_named(process, run_dir, name)
        except (StopIteration, OSError, psutil.Error):
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.005)


@pytest.mark.parametrize("when", ["early", "late"])
def test_process_that_hangs_is_started_again(worker_clip: Path, uninterrupted: Path, tmp_path: Path, when: str) -> None:
    """Silence for --liveness-timeout-s, before the first report or later, is a death, and the end is the same.

    On a slow machine another process may be silent for as long, and is started again, too.
    """
    run_dir = tmp_path / "clip"
    patience = ("--liveness-timeout-s", "10", "--max-restarts", "20")
    with started(worker_clip, *GRID, *QUICK, "--out", tmp_path, *patience, "--queue-mib", "1") as process:
        if when == "late":
            wait_for_event(run_dir, lambda event: isinstance(event, events.Checkpoint), process)
        freeze(newborn(process, run_dir, "detect"))
        assert process.wait(DEADLINE_S) == 0
    assert "detect" in restarts_of(run_dir)
    assert_same(run_dir, uninterrupted)


@pytest.mark.parametrize("passes", [True, False])
def test_fault_in_a_process(worker_clip: Path, uninterrupted: Path, tmp_path: Path, passes: bool) -> None:  # noqa: FBT001 - pytest gives it by name
    """A fault that passes costs a restart; one that stays ends the run with 70 before the budget does."""
    run_dir = tmp_path / "clip"
    tally = run_dir / "state" / "encoded"
    with started(worker_clip, *GRID, *QUICK, "--out", tmp_path, "--queue-mib", "1") as process:
        wait_for_event(run_dir, lambda event: isinstance(event, events.SegmentClosed), process)
        encode = worker_named(process, run_dir, "encode")
        freeze(encode)
        tally.unlink()
        tally.mkdir()  # it finds a directory where it writes
        encode.send_signal(signal.SIGCONT)
        wait_for_event(run_dir, lambda event: isinstance(event, events.StageRestarted), process)
        if passes:
            tally.rmdir()
        assert process.wait(DEADLINE_S) == (0 if passes else 70)
    assert set(restarts_of(run_dir)) == {"encode"}
    assert len(restarts_of(run_dir)) <= 2  # windows that were embedded already may come further than the fault
    if passes:
        assert_same(run_dir, uninterrupted)


def test_directory_is_locked_until_its_last_writer_exits(
    worker_clip: Path, uninterrupted: Path, tmp_path: Path
) -> None:
    """While a process of a supervisor that was killed may still write, the same command refuses; later it resumes."""
    run_dir, words = tmp_path / "clip", (worker_clip, *GRID, *QUICK, "--out", tmp_path)
    with started(*words, "--queue-mib", "1") as process:
        wait_for_event(run_dir, lambda event: isinstance(event, events.SegmentClosed), process)
        record = worker_named(process, run_dir, "record")
        freeze(record)
        process.kill()
        refused = run_cli(*words)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert f"another run is writing to {run_dir}" in refused.stderr
        record.send_signal(signal.SIGCONT)
    assert run_cli(*words).returncode == 0
    assert_same(run_dir, uninterrupted)
