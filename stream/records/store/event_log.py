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
from stream.records.store.versions import parsed

Reopens: TypeAlias = Callable[[Outcome, Mapping[str, Outcome]], bool]


class EventLog:
    """The writer. An event is durable when ``append`` returns."""

    def __init__(self, path: Path) -> None:
        """Open or create a log and continue after its last whole line; a torn last line is cut off."""
        self._lines = AppendLog(path)

    @property
    def count(self) -> int:
        """Number of events so far, which is the ``seq`` of the next one."""
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


class ResumableLog(EventLog):
    """The log of a run that may be resumed.

    Events that the chain replays are compared with the recorded ones, in order, instead of being written twice. The
    outcomes of segments come in any order; they are known by their segment.
    """

    def __init__(self, path: Path, reopens: Reopens = lambda _, __: False, annotation_name: str = "") -> None:
        """Open the log.

        Args:
            path: Of the log.
            reopens: ``reopens(outcome, all_outcomes)`` decides whether a segment with that last outcome may get
                another one.
            annotation_name: The annotation that outcomes belong to; those of others do not count.
        """
        super().__init__(path)
        self._annotation_name = annotation_name
        self._expected: deque[Event] = deque()
        self.chain_events = 0
        """Number of events of the chain so far, including replayed ones."""
        outcomes: dict[str, Outcome] = {}
        for event in read_events(path):
            if event.event in CHAIN_EVENTS:
                self._expected.append(event)
            elif isinstance(event, Outcome) and event.annotation_name == annotation_name:
                outcomes[event.segment_id] = event
        self.reopened = frozenset(name for name, outcome in outcomes.items() if reopens(outcome, outcomes))
        """Segments that have an outcome and may get another one."""
        self.outcomes = {name: outcomes[name].event for name in outcomes.keys() - self.reopened}
        """Type of the outcome event of every other segment that has one."""

    def append(self, event: Event) -> Event:
        """Append a new event, or compare a replayed one; returns it as recorded.

        Raises:
            EgocleanError: the replay diverges from the records, or a segment gets a second outcome.
        """
        if isinstance(event, Outcome):
            if event.segment_id in self.outcomes:
                recorded = self.outcomes[event.segment_id]
                raise EgocleanError(f"segment {event.segment_id} has the outcome {recorded} already, not {event.event}")
            self.outcomes[event.segment_id] = event.event
            event = replace(event, annotation_name=self._annotation_name)
        elif event.event in CHAIN_EVENTS:
            self.chain_events += 1
            if self._expected:
                return self._replayed(event)
        return super().append(event)

    def skip(self, count: int) -> None:
        """Expect the chain to continue after its first ``count`` events.

        Raises:
            EgocleanError: fewer are on disk.
        """
        if count > len(self._expected):
            raise EgocleanError(
                f"the checkpoint counts {count} events of the chain, but events.jsonl has {len(self._expected)}: "
                "the file was truncated; start over with --overwrite"
            )
        for _ in range(count):
            self._expected.popleft()
        self.chain_events += count

    def skip_all(self) -> None:
        """Expect no recorded event again, as the source cannot be replayed."""
        self.skip(len(self._expected))

    def _replayed(self, event: Event) -> Event:
        recorded = self._expected.popleft()
        if recorded != event:
            raise EgocleanError(
                f"replay diverged at event {recorded.seq} (recorded {_brief(recorded)}, now {_brief(event)}): the "
                "input or the software changed since the run was interrupted; start over with --overwrite"
            )
        return recorded


def _brief(event: Event) -> str:
    """The type of an event and its stream time, if it has one."""
    times = [f"{name}={getattr(event, name)}" for name in ("t_s", "t_start_s", "t_end_s") if hasattr(event, name)]
    return " ".join([event.event, *times])


def read_events(path: Path) -> Iterator[Event]:
    """All complete events so far; a last line that is still being written is left out.

    Raises:
        DamagedError: a line is not an event.
        NewerVersionError: a newer version wrote it.
    """
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield parsed(path, line, EVENT.validate_json)


def readable_events(path: Path) -> tuple[list[Event], int]:
    """The events of a log that may be damaged, and how many of its complete lines are no events."""
    events: list[Event] = []
    unreadable_lines = 0
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            try:
                events.append(EVENT.validate_json(line))
            except ValueError:
                unreadable_lines += 1
    return events, unreadable_lines


def finish_of(path: Path) -> RunFinished | None:
    """The last ``run.finished`` event; None before the run has finished."""
    finishes = [event for event in read_events(path) if isinstance(event, RunFinished)] if path.exists() else []
    return finishes[-1] if finishes else None


def as_json(event: Event) -> dict[str, Any]:
    """An event as plain JSON types."""
    plain: dict[str, Any] = EVENT.dump_python(event, mode="json")
    return plain
