"""A number that one process counts up and another reads: eight bytes of a file that both map into their memory."""

import mmap
import os
from pathlib import Path


class SharedCounter:
    """Counts; it goes on where the last one of that file ended. One process at a time may add."""

    def __init__(self, path: Path) -> None:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(file, 8)
            self._number = memoryview(mmap.mmap(file, 8)).cast("Q")  # aligned: written in one piece
        finally:
            os.close(file)

    @property
    def value(self) -> int:
        return self._number[0]

    def add(self) -> None:
        """Count one more."""
        self._number[0] += 1
