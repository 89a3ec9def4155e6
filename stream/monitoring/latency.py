"""Latency of a live source by the clock: from the arrival of an edge's frame to its event on disk."""

import time
from collections import defaultdict, deque
from datetime import datetime
from typing import Final

from stream.records.latencies import closing_s, opening_s, quantiles
from stream.records.schema import events
from stream.runtime.heartbeat import Heartbeat

_ARRIVALS_MAX: Final = 2400
"""Twenty minutes at two a second: an edge is announced within seconds or, under overload, after the lag."""
_NEAR_S: Final = 2.0
"""A source is taken to keep its pace for this long around a frame whose arrival is known."""
_VALUES_MAX: Final = 10_000
"""Latest values kept of each latency: three days of segments."""


class EdgeLatency:
    """Learns from statuses when frames arrived, and measures the time from an edge's frame to its event.

    Not measured: clips read at full speed, a clip's first and last edge, and edges that a resumed run announced
    earlier.
    """

    def __init__(self) -> None:
        self._arrivals: deque[tuple[float, float]] = deque(maxlen=_ARRIVALS_MAX)
        """Stream times, in order, each with the time of day of its arrival."""
        self._took_s: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_VALUES_MAX))

    def on_heartbeat(self, status: Heartbeat) -> None:
        if status.arrival is None:
            return
        t_s, arrived_at = status.arrival
        if not self._arrivals or t_s > self._arrivals[-1][0]:
            self._arrivals.append((t_s, time.time() - (time.monotonic() - arrived_at)))

    def took_s(self, event: events.SegmentOpened | events.SegmentClosed) -> float | None:
        """Seconds from the arrival of the frame at the event's edge to the event on disk; None if unknown."""
        if isinstance(event, events.SegmentOpened):
            name, edge_s, is_news = "opening_wall", event.t_start_s, opening_s(event)
        else:
            name, edge_s, is_news = "closing_wall", event.t_end_s, closing_s(event)
        near = min(self._arrivals, key=lambda place: abs(place[0] - edge_s), default=None)
        if is_news is None or near is None or abs(near[0] - edge_s) > _NEAR_S:
            return None
        came_at = near[1] + edge_s - near[0]
        took_s = max(0.0, datetime.fromisoformat(event.time).timestamp() - came_at)
        self._took_s[name].append(took_s)
        return took_s

    def latencies(self) -> dict[str, dict[str, float]]:
        """Quantiles of each measured latency, by name, for ``run.json``."""
        return {name: quantiles(values) for name, values in sorted(self._took_s.items(), reverse=True)}
