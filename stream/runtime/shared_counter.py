"""A counter that one process increments and another reads: eight bytes of a memory-mapped file."""

import mmap
import os
from pathlib import Path


class SharedCounter:
    """Continues from the value in the file. Only one process at a time may add."""

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
        """Increment by one."""
        self._number[0] += 1
