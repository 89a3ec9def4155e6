"""The stage that measures motion between encoder frames."""

from collections.abc import Iterator
from typing import Final

from stream.geometry.motion import motion_between, motion_plane
from stream.pipeline.items import EncoderFrame, Item, Motion, UInt8
from stream.pipeline.stage import Stage, State
from stream.pipeline.state import take_optional

RATE_HZ: Final = 5.0
"""Frames that are compared, a second; of a slower source every frame is."""
APART_MAX_S: Final = 2.0
"""Frames farther apart than this are not compared."""
_ROUNDING: Final = 1e-6
"""Share of a period by which a PTS may precede its multiple, since times are rounded to float64."""


class MeasureMotion(Stage):
    """Adds a ``Motion`` before an ``EncoderFrame``: what moved since the last frame that was compared.

    All items are passed on. The first frame at or after each multiple of ``1 / RATE_HZ`` seconds is compared.
    """

    name = "motion"

    def __init__(self) -> None:
        self._last_s: float | None = None
        """Time of the last frame that was compared."""
        self._plane: UInt8 | None = None
        """Its plane; None after ``restore`` until the frame comes again."""

    def on_item(self, item: Item) -> Iterator[Item]:
        if isinstance(item, EncoderFrame):
            yield from self._measured(item)
        yield item

    def snapshot(self) -> State:
        return {"last_s": self._last_s, "replay_from_s": self._last_s}

    def restore(self, state: State) -> None:
        self._last_s, self._plane = take_optional(state, "last_s", float), None

    def _measured(self, frame: EncoderFrame) -> Iterator[Motion]:
        if self._last_s is not None and frame.t_s <= self._last_s:
            if frame.t_s == self._last_s:
                self._plane = motion_plane(frame.rgb)
            return
        if self._last_s is not None and _period(frame.t_s) <= _period(self._last_s):
            return
        plane = motion_plane(frame.rgb)
        if self._plane is not None and self._last_s is not None and frame.t_s - self._last_s <= APART_MAX_S:
            motion = motion_between(self._plane, plane, frame.t_s - self._last_s)
            yield Motion(self._last_s, frame.t_s, motion.moving_share, motion.head_widths_s)
        self._last_s, self._plane = frame.t_s, plane


def _period(t_s: float) -> int:
    return int(t_s * RATE_HZ + _ROUNDING)
