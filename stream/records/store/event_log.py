"""``events.jsonl``: one writer appends, any number of readers follow."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeAlias

from stream.errors import EgocleanError
from stream.records.schema.events import CHAIN_EVENTS, EVENT, Event, Outcome, RunFinished
from stream.records.store.append_log import AppendLog
from stream.records.store.atomic import reading

Reopens: TypeAlias = Callable[[Outcome, Mapping[str, Outcome]], bool]


class EventLog:
    """The writing end. An event is durable when ``append`` returns."""

    def __init__(self, path: Path) -> None:
        """Open or create a log and go on after its last whole line; a torn last line is cut off."""
        self._lines = AppendLog(path)

    @property
    def count(self) -> int:
        """Events so far: the number of the next one."""
        return self._lines.count

    def append(self, event: Event) -> Event:
        """Number, stamp and write one event; returns it as written."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        stamped = replace(event, seq=self._lines.count, time=now)
        self._lines.write(EVENT.dump_json(stamped, ensure_ascii=True))
        return stamped

    def close(self) -> None:
        self._lines.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ReplayedLog(EventLog):
    """The log of a run that may go on where it was.

    What the chain tells again is checked, in its order, instead of written twice. What became of a closed segment is
    known by the segment's name: answers come in any order.
    """

    def __init__(self, path: Path, reopens: Reopens = lambda _, __: False) -> None:
        """``reopens`` says of a segment's last outcome whether it may get another one, and is shown those of all."""
        super().__init__(path)
        self._expected: deque[Event] = deque()
        self.told = 0
        """Events that the chain has told so far."""
        outcomes: dict[str, Outcome] = {}
        for event in read_events(path):
            if event.event in CHAIN_EVENTS:
                self._expected.append(event)
            elif isinstance(event, Outcome):
                outcomes[event.segment_id] = event
        self.reopened = frozenset(name for name, outcome in outcomes.items() if reopens(outcome, outcomes))
        """Segments that have had an outcome, and may get another one."""
        self.outcomes = {name: outcomes[name].event for name in outcomes.keys() - self.reopened}
        """Kind of the event that settled each of the other segments."""

    def append(self, event: Event) -> Event:
        """Append a new event; one that the chain has told before is only compared.

        Raises:
            EgocleanError: if the chain tells another story than it did before, or a segment is settled twice.
        """
        if isinstance(event, Outcome):
            if event.segment_id in self.outcomes:
                raise EgocleanError(f"segment {event.segment_id} is {self.outcomes[event.segment_id]} already")
            self.outcomes[event.segment_id] = event.event
        elif event.event in CHAIN_EVENTS:
            self.told += 1
            if self._expected:
                return self._compared(event)
        return super().append(event)

    def skip(self, told: int) -> None:
        """The chain goes on behind its first ``told`` events.

        Raises:
            EgocleanError: fewer are on disk.
        """
        if told > len(self._expected):
            raise EgocleanError(
                f"the state knows {told} events of the chain, but {len(self._expected)} are on disk: "
                "events.jsonl has been cut; start over with --overwrite"
            )
        for _ in range(told):
            self._expected.popleft()
        self.told += told

    def skip_all(self) -> None:
        """What the chain has told it cannot tell again."""
        self.skip(len(self._expected))

    def _compared(self, event: Event) -> Event:
        before = self._expected.popleft()
        if before != event:
            raise EgocleanError(
                f"the run went another way than before (event {before.seq}: {before.event} then, {event.event} now): "
                "the clip or the program has changed; start over with --overwrite"
            )
        return before


def read_events(path: Path) -> Iterator[Event]:
    """All whole events so far; a last line still being written is left for later.

    Raises:
        DamagedError: a line is no event.
    """
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                with reading(path):
                    event = EVENT.validate_json(line)
                yield event


def finish_of(path: Path) -> RunFinished | None:
    """The last word on a finished run; None while it has not finished. Segments may be annotated after it."""
    finishes = [event for event in read_events(path) if isinstance(event, RunFinished)] if path.exists() else []
    return finishes[-1] if finishes else None


def as_json(event: Event) -> dict[str, Any]:
    """An event as plain JSON types."""
    plain: dict[str, Any] = EVENT.dump_python(event, mode="json")
    return plain
