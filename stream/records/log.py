"""``events.jsonl``: one writer appends, any number of readers follow."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Self

from stream.records.events import EVENT, Event


class EventLog:
    """The writing end. An event is durable when ``append`` returns."""

    def __init__(self, path: Path) -> None:
        """Open or create a log and go on after its last whole line; a torn last line is cut off."""
        self._file: BinaryIO = path.open("ab+", buffering=0)
        self._seq = self._mend()

    def append(self, event: Event) -> Event:
        """Number, stamp and write one event; returns it as written."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        stamped = event.model_copy(update={"seq": self._seq, "time": now})
        line = stamped.model_dump_json().encode() + b"\n"
        written = self._file.write(line)
        if written != len(line):
            raise OSError(f"only {written} of {len(line)} bytes of an event were written")
        os.fsync(self._file.fileno())
        self._seq += 1
        return stamped

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


def read_events(path: Path) -> Iterator[Event]:
    """All whole events so far; a last line still being written is left for later."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield EVENT.validate_json(line)


def last_event(path: Path) -> Event | None:
    """The newest whole event, or None for an empty log."""
    last = None
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                last = line
    return None if last is None else EVENT.validate_json(last)


def as_json(event: Event) -> dict[str, Any]:
    """An event as plain JSON types."""
    return event.model_dump(mode="json")
