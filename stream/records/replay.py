"""What the chain of an earlier attempt told behind the barrier that a run goes on from."""

from collections.abc import Iterable, Sequence

from stream.pipeline.facts import Fact
from stream.records.schema.events import TOLD_BY_CHAIN, Event
from stream.records.schema.layout import RunLayout
from stream.records.store.checkpoint import Saved
from stream.records.store.event_log import read_events


def told_behind(layout: RunLayout, saved: Saved) -> Sequence[Event]:
    """The events behind the barrier. A clip tells them again; a camera cannot."""
    return [event for event in read_events(layout.events) if event.event in TOLD_BY_CHAIN][saved.totals.events :]


def latest_s(facts: Iterable[Fact]) -> float:
    """The latest stream time that events speak of as past; 0 if there is none."""
    times_s = (getattr(fact, name, 0.0) for fact in facts for name in ("t_start_s", "t_end_s", "t_s"))
    return max(times_s, default=0.0)
