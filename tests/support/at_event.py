"""Act in the middle of a run that is made by the inline engine."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from stream.records.schema import events
from stream.records.store.event_log import EventLog


@contextmanager
def at_event(kind: type[events.Event], act: Callable[[], object]) -> Iterator[None]:
    """During the block, call ``act`` once, as soon as the first event of this kind is on disk."""
    append, has_acted = EventLog.append, False

    def append_and_act(log: EventLog, event: events.Event) -> events.Event:
        nonlocal has_acted
        appended = append(log, event)
        if isinstance(event, kind) and not has_acted:
            has_acted = True
            act()
        return appended

    with patch.object(EventLog, "append", append_and_act):
        yield
    assert has_acted, f"no {kind.__name__} was recorded"
