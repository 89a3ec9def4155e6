"""Following ``events.jsonl`` while it grows, also before it exists and after it was replaced."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from stream.records.schema.events import EVENT, Event
from stream.records.store.corruption import reading


class Follower:
    """Reads whole lines as they appear. It opens the file for reading only: it cannot disturb the run."""

    def __init__(self, path: Path, since: int = 0) -> None:
        self._path = path
        self._since = since
        self._file: BinaryIO | None = None
        self._inode = 0
        self._torn = b""

    def poll(self) -> Iterator[tuple[Event, bytes]]:
        """New events from number ``since`` on, each with its line as written."""
        if self._replaced():
            self.close()
        if self._file is None:
            if not self._path.exists():
                return
            self._file = self._path.open("rb")
            self._inode = self._path.stat().st_ino
        for piece in self._file:
            line, self._torn = self._torn + piece, b""
            if not line.endswith(b"\n"):
                self._torn = line
                return
            with reading(self._path):
                event = EVENT.validate_json(line)
            if event.seq >= self._since:
                yield event, line

    def close(self) -> None:
        """Let go of the file; the next ``poll`` begins anew."""
        if self._file is not None:
            self._file.close()
        self._file, self._torn = None, b""

    def _replaced(self) -> bool:
        """A new run has put another file in its place."""
        if self._file is None or not self._path.exists():
            return False
        return self._path.stat().st_ino != self._inode
