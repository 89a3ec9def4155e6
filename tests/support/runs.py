"""Runs the real program on a real clip, and reads its results."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psutil

from stream.records.follower import Follower
from stream.records.schema import events
from stream.runtime.processes import PROCESSES
from tests.support.clips import make_clip

DEADLINE_S = 120.0

INTRINSICS = {
    "model": "fisheye", "image_width": 128, "image_height": 96, "fx": 40.0, "fy": 40.0, "cx": 63.5, "cy": 47.5,
    "k1": 0.1, "k2": 0.02, "k3": -0.01, "k4": 0.001,
}  # fmt: skip


def program(*args: str | Path) -> list[str]:
    """The command line of the program under test."""
    return [sys.executable, "-m", "stream.cli", *map(str, args)]


def run_cli(*args: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    return subprocess.run(program(*args), capture_output=True, text=True, timeout=DEADLINE_S, check=False, cwd=cwd)


def write_intrinsics(folder: Path, **changes: object) -> Path:
    """A calibration for ``make_clip``'s pictures, with something changed; a change to None leaves the key out."""
    values = {name: value for name, value in {**INTRINSICS, **changes}.items() if value is not None}
    path = folder / "intrinsics.json"
    path.write_text(json.dumps(values))
    return path


def make_clip_with_lens(folder: Path, *, seconds: int, fps: int = 30) -> Path:
    """A clip of moving texture, with a key picture every second and its calibration beside it.

    A long clip that only has to last, at its own pace, costs little with few frames a second.
    """
    write_intrinsics(folder)
    return make_clip(folder / "clip.mp4", frames=fps * seconds, fps=fps, key_every=fps)


@contextmanager
def started(*args: str | Path, stdin: IO[bytes] | None = None) -> Iterator[subprocess.Popen[str]]:
    """The running program; it is killed at the end if it still runs."""
    with subprocess.Popen(
        program(*args), stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            left = workers(process)
            process.kill()  # its workers see that it is gone, and clean up
            for worker in psutil.wait_procs(left, timeout=DEADLINE_S)[1]:
                worker.kill()


def workers(process: subprocess.Popen[str] | psutil.Process) -> list[psutil.Process]:
    """The processes of the chain that have not ended."""
    try:
        return [child for child in psutil.Process(process.pid).children() if _is_worker(child)]
    except psutil.NoSuchProcess:
        return []


def _is_worker(process: psutil.Process) -> bool:
    try:
        return not (has_ended(process) or is_template(process))
    except psutil.NoSuchProcess:
        return False


def has_ended(process: psutil.Process) -> bool:
    """Whether a child has ended, even if nobody has awaited it."""
    return process.status() == psutil.STATUS_ZOMBIE


def is_template(process: psutil.Process) -> bool:
    """Whether a process only forks workers, which have its command line, but each the name of its row."""
    if has_ended(process):
        return False
    name = process.name()
    return name == "template" or (name not in PROCESSES and "stream.runtime.worker_template" in process.cmdline())


def worker_named(process: subprocess.Popen[str] | psutil.Process, run_dir: Path, name: str) -> psutil.Process:
    """One process of the chain: the one whose log is ``logs/<name>.log``.

    Not before it runs the worker's program: until then its parent waits for it (vfork), and would stop with it.
    """
    log = str(run_dir / "logs" / f"{name}.log")
    running = (
        child
        for child in workers(process)
        if child.name() in PROCESSES or any(part.startswith("stream.runtime.worker") for part in child.cmdline())
    )
    return next(child for child in running if str(Path(f"/proc/{child.pid}/fd/2").resolve()) == log)


def freeze(process: psutil.Process) -> None:
    """Stop a process with SIGSTOP, and wait until none of its threads runs.

    The signal reaches the other threads only after the main thread, which may be waiting for the disk.
    """
    process.suspend()
    deadline = time.monotonic() + DEADLINE_S
    while any(psutil.Process(thread.id).status() != psutil.STATUS_STOPPED for thread in process.threads()):
        if time.monotonic() > deadline:
            raise AssertionError(f"process {process.pid} was not stopped within {DEADLINE_S} s")
        threading.Event().wait(0.01)


def wait_for_event(
    run_dir: Path, matches: Callable[[events.Event], bool], process: subprocess.Popen[str]
) -> events.Event:
    """The first event that is wanted, as soon as it is on disk; an error if the program ends without it."""
    follower = Follower(run_dir / "events.jsonl")
    deadline = time.monotonic() + DEADLINE_S
    try:
        while time.monotonic() < deadline:
            ended = process.poll() is not None
            for event, _ in follower.poll():
                if matches(event):
                    return event
            if ended:
                raise AssertionError(f"the program ended with {process.returncode} before the event came")
            try:
                process.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
        raise AssertionError(f"the event did not come within {DEADLINE_S} s")
    finally:
        follower.close()


def manifest(run_dir: Path) -> dict[str, Any]:
    """``run.json``."""
    record: dict[str, Any] = json.loads((run_dir / "run.json").read_text())
    return record
