"""How a process exits."""

import atexit
import gc


def exit_quickly() -> None:
    """Do not search what was imported for garbage at exit: that takes a sixth of a short command's CPU time."""
    atexit.register(gc.freeze)
