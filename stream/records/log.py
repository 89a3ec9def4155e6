"""``events.jsonl``: one writer appends, any number of readers follow."""

import os
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Self

from stream.errors import EgocleanError
from stream.records.events import EVENT, TOLD_BY_CHAIN, Event


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


class ReplayedLog(EventLog):
    """The log of a run that may go on where it was: what the chain tells again is checked instead of written twice."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._told = deque(event for event in read_events(path) if event.event in TOLD_BY_CHAIN)

    def append(self, event: Event) -> Event:
        """Append a new event; one that is on disk already is only compared.

        Raises:
            EgocleanError: if the chain tells another story than it did before.
        """
        if not self._told:
            return super().append(event)
        before = self._told.popleft()
        apart = {"seq", "time"}
        if before.model_dump(exclude=apart) != event.model_dump(exclude=apart):
            raise EgocleanError(
                f"the run went another way than before (event {before.seq}: {before.event} then, {event.event} now): "
                "the clip or the program has changed; begin anew with --restart"
            )
        return before


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
