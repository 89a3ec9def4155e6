"""Runs the program, which kills itself as soon as the first event of a kind is on disk.

python -m tests.support.killed_at KIND ARGUMENT...
"""

import os
import signal
import sys

from stream.cli import main
from stream.records.schema import events
from tests.support.at_event import at_event


def run() -> None:
    """Whoever watches the log sees the event too late to kill a process before its next one."""
    kind = getattr(events, sys.argv.pop(1))
    with at_event(kind, lambda: os.kill(os.getpid(), signal.SIGKILL)):
        main()


if __name__ == "__main__":
    run()
