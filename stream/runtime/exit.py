"""How a process exits."""

import atexit
import gc
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from stream.errors import ExitCode
from stream.video.libav_thread import LibavThread


def await_exit(process: "subprocess.Popen[Any]", grace_s: float) -> None:
    """Wait for a child that leads its process group; kill the group if it has not ended in time."""
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def exit_quickly() -> None:
    """Do not search what was imported for garbage at exit: that takes a sixth of a short command's CPU time."""
    atexit.register(gc.freeze)


@contextmanager
def libav_threads_abandoned() -> Iterator[None]:
    """Around the program: at its end, exit without ending Python if a thread is still inside libav."""
    try:
        yield
    except SystemExit as end:
        _exit_if_inside_libav(_status_of(end))
        raise
    _exit_if_inside_libav(ExitCode.DONE)


def _exit_if_inside_libav(status: int) -> None:
    if any(isinstance(thread, LibavThread) for thread in threading.enumerate()):
        os._exit(status)


def _status_of(end: SystemExit) -> int:
    match end.code:
        case None:
            return ExitCode.DONE
        case int(code):
            return code
        case _:
            return ExitCode.INTERNAL
