"""Following ``events.jsonl`` while it grows, also before it exists and after it was replaced."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from stream.records.schema.events import EVENT, FINAL, Event
from stream.records.store.versions import parsed

POLL_S: Final = 0.1


class Follower:
    """Reads whole lines as they appear. It opens the file for reading only, so it cannot disturb the run."""

    def __init__(self, path: Path, since: int = 0) -> None:
        self._path = path
        self._since = since
        self._file: BinaryIO | None = None
        self._inode = 0
        self._torn = b""
        self._has_ended = False

    @property
    def has_ended(self) -> bool:
        """Whether the newest event that was read, wanted or not, ends the run, which may be resumed after it."""
        return self._has_ended

    def poll(self) -> Iterator[tuple[Event, bytes]]:
        """New events from number ``since`` on, each with its line as written.

        Raises:
            DamagedError: a line is not an event.
        """
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
            event = parsed(self._path, line, EVENT.validate_json)
            self._has_ended = event.event in FINAL
            if event.seq >= self._since:
                yield event, line

    def close(self) -> None:
        """Close the file; the next ``poll`` reads it from the beginning."""
        if self._file is not None:
            self._file.close()
        self._file, self._torn, self._has_ended = None, b"", False

    def _replaced(self) -> bool:
        """Whether a new run has put another file in its place."""
        if self._file is None or not self._path.exists():
            return False
        return self._path.stat().st_ino != self._inode


def pause() -> None:
    """Wait before the file is polled again."""
    time.sleep(POLL_S)


def follow(path: Path, since: int = 0, wait: Callable[[], None] = pause) -> Iterator[tuple[Event, bytes]]:
    """Events as they are written, each with its line, until one that ends the run is the newest.

    Args:
        path: Of ``events.jsonl``, which need not exist yet.
        since: Number of the first event that is wanted.
        wait: Called whenever there is nothing new.

    Raises:
        DamagedError: a line is not an event.
    """
    follower = Follower(path, since)
    try:
        while True:
            yield from follower.poll()
            if follower.has_ended:
                return
            wait()
    finally:
        follower.close()
