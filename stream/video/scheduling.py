"""Keeps an encoder from turning this program into a real-time process.

SVT-AV1 takes the policy SCHED_FIFO at the highest priority for the thread that opens it, and so for its own threads, if
it may: as root, also in a container. Such a program, and all that it starts, leave no time to any other.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def unchanged_scheduling() -> Iterator[None]:
    """Afterwards, all threads of this process have the scheduling policy that the calling thread had before."""
    if sys.platform != "linux":
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        for task in Path("/proc/self/task").iterdir():
            with suppress(ProcessLookupError):  # a thread that has ended meanwhile
                if os.sched_getscheduler(int(task.name)) != policy:
                    os.sched_setscheduler(int(task.name), policy, parameters)
