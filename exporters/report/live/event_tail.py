"""What is new in an event log, without keeping the file open: a server may watch thousands of them."""

import json
from pathlib import Path


class EventTail:
    """Remembers how far one event log was read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = 0
        self._read_bytes = 0

    def poll(self) -> list[str]:
        """The kinds of the events that are new, such as ``segment.closed``; all of them after a new run began there.

        Raises:
            OSError: the file is gone.
            ValueError: a line is not an event.
        """
        found = self._path.stat()
        if found.st_ino != self._inode or found.st_size < self._read_bytes:
            self._inode, self._read_bytes = found.st_ino, 0
        if found.st_size == self._read_bytes:
            return []
        with self._path.open("rb") as file:
            file.seek(self._read_bytes)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        return [_kind(line) for line in whole.splitlines()]


def _kind(line: bytes) -> str:
    event = json.loads(line)
    if not isinstance(event, dict):
        raise ValueError("a line of the event log is not an object")  # noqa: TRY004 - a value of a file, not a type of ours
    return str(event.get("event"))
