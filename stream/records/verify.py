"""A look at what an earlier attempt has told, before anything is written behind it."""

from stream.records.schema.annotations import read_annotations
from stream.records.schema.layout import RunLayout
from stream.records.store.event_log import read_events


def require_whole(layout: RunLayout) -> None:
    """Read all events and annotations that a run goes on behind.

    Raises:
        DamagedError: something else stands there.
    """
    for _ in read_events(layout.events):
        pass
    if layout.annotations.exists():
        read_annotations(layout.annotations)
