"""Folders that one worker of a test session makes, and all of its workers read."""

import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path


class MadeOnce:
    """What all workers of a session share."""

    def __init__(self, base: Path) -> None:
        """``base`` is the same folder for all of them."""
        self._base = base

    def __call__(self, name: str, make: Callable[[Path], object]) -> Path:
        """The folder of this name: the first worker that asks for it fills it with ``make``, the others wait."""
        folder, is_made = self._base / name, self._base / f"{name}.made"
        with (self._base / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not is_made.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                is_made.touch()
        return folder
