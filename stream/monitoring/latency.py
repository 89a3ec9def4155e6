"""When each part of a live source came, and how long after that what was told of it was on disk."""

import time
from collections import defaultdict, deque
from datetime import datetime
from typing import Final

from stream.records.latencies import closing_s, opening_s, quantiles
from stream.records.schema import events
from stream.runtime.heartbeat import Status

_PLACES_MAX: Final = 2400
"""Twenty minutes, at two a second: an edge is told within seconds, or, under overload, its lag later."""
_NEAR_S: Final = 2.0
"""A source keeps its pace for so long from a place whose arrival is known."""
_VALUES_MAX: Final = 10_000
"""Of each latency, the latest are kept: three days' segments."""


class EdgeLatency:
    """Learns from the statuses when tiles came, and measures by the clock from an edge's picture to its event.

    Nothing is measured of a clip that is read as fast as it goes, nor of an edge that is no news: the clip's first and
    last, and those of which a run heard that has gone on since.
    """

    def __init__(self) -> None:
        self._places: deque[tuple[float, float]] = deque(maxlen=_PLACES_MAX)
        """Stream time, in order, and the time of day at which it came."""
        self._took_s: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_VALUES_MAX))

    def on_status(self, status: Status) -> None:
        if status.arrival is None:
            return
        t_s, arrived_at = status.arrival
        if not self._places or t_s > self._places[-1][0]:
            self._places.append((t_s, time.time() - (time.monotonic() - arrived_at)))

    def took_s(self, event: events.SegmentOpened | events.SegmentClosed) -> float | None:
        """From the arrival of the picture at the event's edge to the event on disk; None where nobody knows."""
        if isinstance(event, events.SegmentOpened):
            name, edge_s, is_news = "opening_wall", event.t_start_s, opening_s(event)
        else:
            name, edge_s, is_news = "closing_wall", event.t_end_s, closing_s(event)
        near = min(self._places, key=lambda place: abs(place[0] - edge_s), default=None)
        if is_news is None or near is None or abs(near[0] - edge_s) > _NEAR_S:
            return None
        came_at = near[1] + edge_s - near[0]
        took_s = max(0.0, datetime.fromisoformat(event.time).timestamp() - came_at)
        self._took_s[name].append(took_s)
        return took_s

    def latencies(self) -> dict[str, dict[str, float]]:
        """Quantiles of what was measured, by its name, for the record."""
        return {name: quantiles(values) for name, values in sorted(self._took_s.items(), reverse=True)}
