"""The contract of the packet source, which feeds the first stage of a chain, and the barriers that it adds."""

import math
from collections.abc import Iterator
from typing import Protocol

from stream.pipeline.items import EncoderFrame, End, EndReason, Item, Packet, SourceEvent
from stream.pipeline.stage import StageFacts

_ROUNDING = 1e-6
"""Share of a period by which a PTS may fall short of its multiple: times are rounded to float64."""


class Barriers:
    """One barrier behind the first encoder frame at or after each multiple of ``every_s``, from the first frame on.

    Which frames these are depends on the clip alone, so a resumed run has the same barriers as an uninterrupted one.
    """

    def __init__(self, every_s: float, since_s: float | None = None) -> None:
        """``since_s`` is the time of the barrier from which a run is resumed."""
        self._every_s = every_s
        self._last = -math.inf if since_s is None else self._period(since_s)

    def are_due(self, item: Item) -> bool:
        """Whether a barrier follows this item."""
        if not isinstance(item, EncoderFrame) or (period := self._period(item.t_s)) <= self._last:
            return False
        self._last = period
        return True

    def _period(self, t_s: float) -> int:
        return int(t_s / self._every_s + _ROUNDING)


class PacketSource(Protocol):
    """The start of a chain: it reads packets instead of receiving items."""

    realtime: bool
    """Whether items wait until the clock has reached their time."""
    live: bool
    """Whether it must not be opened before the whole chain is ready."""
    since_s: float
    """Stream time from which the run continues; 0 for a new one."""
    barriers: Barriers
    """Decides after which items a barrier follows."""

    def packets(self) -> Iterator[Packet | SourceEvent | None]:
        """Packets and source events until the source is exhausted; None whenever a live one has nothing yet."""
        ...

    def end(self, reason: EndReason) -> End:
        """The ``End`` that fits what was read so far."""
        ...

    def facts(self) -> StageFacts:
        """Facts about the source for ``run.json``, as far as they are known."""
        ...
