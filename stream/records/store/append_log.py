"""A file of lines to which one writer appends durably."""

import os
from pathlib import Path
from typing import BinaryIO, Self

from stream.records.store.atomic import sync_dir


class AppendLog:
    """The writing end. A line is durable when ``write`` returns."""

    def __init__(self, path: Path) -> None:
        """Open or create the file and continue after its last whole line; a torn last line is cut off."""
        exists = path.exists()
        self._file: BinaryIO = path.open("ab+", buffering=0)
        if not exists:
            sync_dir(path.parent)
        self.count = self._cut_torn_line(path)
        """Whole lines so far."""

    def write(self, line: bytes) -> None:
        """Append a line, which is passed without its line feed; if there is no room for all of it, none is written.

        Raises:
            OSError: the disk is full, or fails.
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

    def _cut_torn_line(self, path: Path) -> int:
        whole = lines = 0
        with path.open("rb") as file:  # buffered: the unbuffered one is read byte by byte
            for line in file:
                if line.endswith(b"\n"):
                    whole += len(line)
                    lines += 1
        if whole < self._file.seek(0, os.SEEK_END):
            self._file.truncate(whole)
        return lines
