"""Exits of a process while one of its threads is inside libav."""

import subprocess
import sys

import pytest

PROGRAM = """
import atexit, sys, threading
from stream.runtime.exit import libav_threads_abandoned
from stream.video.libav_thread import LibavThread

atexit.register(print, "Python ended", flush=True)
thread = LibavThread(threading.Event().wait if {waits} else int, "camera")
with libav_threads_abandoned():
    thread.start()
    if not {waits}:
        thread.join()
    {end}
"""


@pytest.mark.parametrize(
    ("end", "status"),
    [("sys.exit(143)", 143), ("sys.exit()", 0), ("pass", 0)],
    ids=["code", "no code", "end"],
)
def test_python_does_not_end_around_a_thread_inside_libav(end: str, status: int) -> None:
    """It would crash; where no thread is left, Python ends as always."""
    left, done = (_run(PROGRAM.format(waits=waits, end=end)) for waits in (True, False))
    assert (left.returncode, left.stdout) == (status, b"")
    assert (done.returncode, done.stdout) == (status, b"Python ended\n")


def _run(program: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=False)
