"""Reads the records of an earlier attempt: checks them before a run resumes, and returns events after a checkpoint."""

from collections.abc import Iterable, Sequence

from stream.pipeline.facts import Fact
from stream.records.schema.annotations import read_annotations
from stream.records.schema.events import CHAIN_EVENTS, Event
from stream.records.schema.layout import RunLayout
from stream.records.store.checkpoint import SavedCheckpoint, newest_checkpoint
from stream.records.store.event_log import read_events


def verify_records(layout: RunLayout) -> None:
    """Read what an interrupted run has recorded and saved before anything is appended to it.

    Raises:
        UsageError: another version wrote a checkpoint, or
        DamagedError: a line or the file is not what a run writes.
    """
    newest_checkpoint(layout)
    for _ in read_events(layout.events):
        pass
    if layout.annotations.exists():
        read_annotations(layout.annotations)


def events_past(layout: RunLayout, checkpoint: SavedCheckpoint) -> Sequence[Event]:
    """The chain's events that were recorded after a checkpoint. A clip produces them again; a camera cannot."""
    return [event for event in read_events(layout.events) if event.event in CHAIN_EVENTS][checkpoint.totals.events :]


def latest_s(facts: Iterable[Fact]) -> float:
    """The latest stream time that the facts mention as past, in seconds; 0 if there is none."""
    times_s = (getattr(fact, name, 0.0) for fact in facts for name in ("t_start_s", "t_end_s", "t_s"))
    return max(times_s, default=0.0)
