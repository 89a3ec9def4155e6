"""A file of lines that one writer appends to, each of them durable."""

import os
from pathlib import Path
from typing import BinaryIO, Self

from stream.records.store.atomic import sync_dir


class Lines:
    """The writing end. A line is durable when ``write`` returns."""

    def __init__(self, path: Path) -> None:
        """Open or create the file and go on after its last whole line; a torn last line is cut off."""
        begun = path.exists()
        self._file: BinaryIO = path.open("ab+", buffering=0)
        if not begun:
            sync_dir(path.parent)
        self.count = self._mend()
        """Whole lines so far."""

    def write(self, line: bytes) -> None:
        """Append a line, given without its line feed; where there is no room for all of it, nothing.

        Raises:
            OSError: there is no room.
        """
        end = self._file.seek(0, os.SEEK_END)
        left = memoryview(line + b"\n")
        try:
            while left:
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(end)
            raise
        self.count += 1

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _mend(self) -> int:
        self._file.seek(0)
        whole = lines = 0
        for line in self._file:
            if line.endswith(b"\n"):
                whole += len(line)
                lines += 1
        self._file.truncate(whole)
        return lines
