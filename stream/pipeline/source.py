"""The contract of what feeds a chain's first stage."""

from collections.abc import Iterator
from typing import Protocol

from stream.pipeline.barriers import Barriers
from stream.pipeline.items import End, EndReason, Packet, SourceEvent
from stream.pipeline.stage import Facts


class PacketSource(Protocol):
    """The start of a chain: it reads packets instead of receiving items."""

    realtime: bool
    """Whether items are held back until the clock has reached their time."""
    live: bool
    """Whether it must not be opened before the whole chain is ready for it."""
    since_s: float
    """Stream time from which the run continues; 0 for a new one."""
    barriers: Barriers
    """After which items a barrier follows."""

    def packets(self) -> Iterator[Packet | SourceEvent | None]:
        """Packets and source events until the source is exhausted; None whenever a live one has nothing yet."""
        ...

    def end(self, reason: EndReason) -> End:
        """The ``End`` that fits what was read so far."""
        ...

    def facts(self) -> Facts:
        """What is known about the reading so far, for ``run.json``."""
        ...
