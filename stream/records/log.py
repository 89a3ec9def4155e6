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
        self._write(stamped.model_dump_json().encode() + b"\n")
        os.fsync(self._file.fileno())
        self._seq += 1
        return stamped

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, line: bytes) -> None:
        """Write the whole line, or, where there is no room for it, nothing."""
        end = self._file.seek(0, os.SEEK_END)
        left = memoryview(line)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            self._file.truncate(end)
            raise

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
        self._expected = deque(event for event in read_events(path) if event.event in TOLD_BY_CHAIN)
        self.told = 0
        """Events that the chain has told so far."""

    def skip(self, told: int) -> None:
        """The chain goes on behind its first ``told`` events.

        Raises:
            EgocleanError: fewer are on disk.
        """
        if told > len(self._expected):
            raise EgocleanError(
                f"the state knows {told} events of the chain, but {len(self._expected)} are on disk: "
                "events.jsonl has been cut; begin anew with --restart"
            )
        for _ in range(told):
            self._expected.popleft()
        self.told = told

    def append(self, event: Event) -> Event:
        """Append a new event; one that is on disk already is only compared.

        Raises:
            EgocleanError: if the chain tells another story than it did before.
        """
        self.told += 1
        if not self._expected:
            return super().append(event)
        before = self._expected.popleft()
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
