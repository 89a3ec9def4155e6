"""When the source puts a barrier into the stream, behind which a run can go on."""

import math

from stream.pipeline.items import EncoderFrame, Item

_ROUNDING = 1e-6
"""Share of a period by which a PTS may fall short of its multiple: times are rounded to float64."""


class Barriers:
    """One barrier behind the first encoder frame at or after each multiple of ``every_s``, from the first frame on.

    Which frames these are depends on the clip alone, so a resumed run has the same barriers as an uninterrupted one.
    """

    def __init__(self, every_s: float, since_s: float | None = None) -> None:
        """``since_s`` is the time of the last barrier, where a run goes on from it."""
        self._every_s = every_s
        self._last = -math.inf if since_s is None else self._period(since_s)

    def are_due(self, item: Item) -> bool:
        """Whether a barrier is to follow this item."""
        if not isinstance(item, EncoderFrame) or (period := self._period(item.t_s)) <= self._last:
            return False
        self._last = period
        return True

    def _period(self, t_s: float) -> int:
        return int(t_s / self._every_s + _ROUNDING)
