"""The time line: places pictures in stream time, and finds the stretches that are damaged."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from stream.pipeline.facts import SourceDamaged
from stream.pipeline.stage import State
from stream.pipeline.state import take, take_optional
from stream.video.sampling import HOLE_S

LEAP_S = 3600.0
"""No clip has an hour without a picture: a larger step is a fault of the clock, and to follow it would create a segment
for every half minute of it."""
HOLE_PERIODS = 10
"""Frame periods, or ``HOLE_S`` if that is longer: a longer time between two frames means that some are missing."""


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a picture on the time line."""

    index: int
    t_s: float
    damage_before: tuple[SourceDamaged, ...]
    """Between the picture before and this one; none or one."""


class TimeLine:
    """Pictures and damage in the order of time, from the packets' clock to seconds since the first picture.

    Times ascend. A picture whose time is not after its predecessor's (a PTS that repeats or goes back) is placed half
    a frame after it: no picture is dropped, the order is kept, and the times follow the PTS again once these advance.

    Pictures and losses without times are placed one after another, each for its own duration.

    Losses with no picture between them are one stretch of damage. It lasts from the end of the previous picture to the
    start of the next one, or, at the end, to where the last lost packet would have ended. Losses before the first
    picture have no time: their damage has no length, at 0. The same holds for losses that would have ended more than
    ``LEAP_S`` from here.

    A stretch without packets that is longer than ``HOLE_S`` and ``HOLE_PERIODS`` is damage, too, with 0 packets lost: a
    file may have been remuxed around a hole, and nothing else in it shows that. The hole begins where a picture at the
    clip's rate would have ended, regardless of the container: a muxer extends the last picture before a hole over all
    of it.
    """

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self.hole_s = max(HOLE_S, HOLE_PERIODS * period_s)
        """The longest time without a picture that is no damage."""
        self._origin_s: float | None = None  # time 0 on the packets' clock
        self._last_s: float | None = None  # start of the last picture
        self._end_s = 0.0  # its end, or the end of damage after it
        self._covered_s = 0.0  # the same, if every picture lasted one period
        self._lost: SourceDamaged | None = None  # since the last picture
        self.pictures = 0
        self.damages = 0
        """Returned so far."""
        self.packets_lost = 0
        """Of these."""

    @property
    def end_s(self) -> float:
        """End of the last picture, or of damage returned after it."""
        return self._end_s

    @property
    def _next_s(self) -> float:
        """End of the last picture, or of what was lost since."""
        return self._end_s if self._lost is None else self._lost.t_end_s

    def leap(self, clock_s: float | None) -> str:
        """The reason why a picture cannot have this time of the packets' clock; empty if it can.

        The clock has jumped by more than ``LEAP_S``, once or permanently: time continues here with its new value.
        """
        if clock_s is None or self._origin_s is None:
            return ""
        ahead_s = clock_s - self._origin_s - self._end_s
        if abs(ahead_s) <= LEAP_S:
            return ""
        self._origin_s = clock_s - self._end_s
        return f"its time leaps by {ahead_s:.0f} s"

    def place(self, clock_s: float | None, duration_s: float) -> Place:
        """Place the next picture.

        ``clock_s`` is its time on the packets' clock; without one it starts where its predecessor, or what was lost
        since, ends.
        """
        if self._origin_s is None:
            self._origin_s = clock_s or 0.0
        t_s = self._next_s if clock_s is None else clock_s - self._origin_s
        if self._last_s is not None and t_s <= self._last_s:
            t_s = self._last_s + self._period_s / 2
        place = Place(self.pictures, t_s, tuple(self._damage(t_s)))
        self._last_s, self._end_s, self._covered_s = t_s, t_s + duration_s, t_s + self._period_s
        self.pictures += 1
        return place

    def lose(self, until_s: float | None, packets: int, reason: str, lasting_s: float = 0.0) -> None:
        """Note a loss after the last picture.

        ``until_s`` is its end on the packets' clock; None if not known: it then lasts ``lasting_s``.
        """
        start_s = end_s = self._end_s
        if self._origin_s is not None:
            end_s = self._next_s + lasting_s if until_s is None else max(start_s, until_s - self._origin_s)
            if end_s - start_s > LEAP_S:
                end_s = start_s
        if self._lost is not None:
            packets += self._lost.packets
            reason = self._lost.reason if reason in self._lost.reason else f"{self._lost.reason}; {reason}"
            end_s = max(end_s, self._lost.t_end_s)
        self._lost = SourceDamaged(start_s, end_s, reason, packets)

    def skip(self, until_clock_s: float) -> tuple[float, float]:
        """Leave out the stretch from the end of the line to there; returns both ends of it. Call ``close`` before."""
        start_s = self._end_s
        if self._origin_s is not None:
            self._end_s = self._covered_s = max(start_s, until_clock_s - self._origin_s)
            self._last_s = self._end_s - self._period_s / 2  # what comes earlier is put at the stretch's end
        return start_s, self._end_s

    def advance(self, t_s: float) -> None:
        """Move the end of the line to ``t_s`` at least, and forget losses that were not returned."""
        self._lost, self._end_s = None, max(self._end_s, t_s)
        self._covered_s = self._end_s

    def left_off(self) -> tuple[float, float]:
        """Times of the last picture and of the end of the line, on the packets' clock."""
        origin_s = self._origin_s or 0.0
        return origin_s + (self._last_s or 0.0), origin_s + self._end_s

    def close(self) -> Iterator[SourceDamaged]:
        """Return the damage after the last picture; no picture follows, or the decoder is reset before it."""
        for damage in self._damage(None):
            self._end_s = self._covered_s = damage.t_end_s
            yield damage

    def snapshot(self) -> State:
        lost = self._lost
        return {
            "origin_s": self._origin_s,
            "last_s": self._last_s,
            "end_s": self._end_s,
            "covered_s": self._covered_s,
            "pictures": self.pictures,
            "damages": self.damages,
            "packets_lost": self.packets_lost,
            "lost": None if lost is None else [lost.t_start_s, lost.t_end_s, lost.reason, lost.packets],
        }

    def restore(self, state: State) -> None:
        """Continue after the last picture of ``state``."""
        self._origin_s = take_optional(state, "origin_s", float)
        self._last_s = take_optional(state, "last_s", float)
        self._end_s = take(state, "end_s", float)
        self._covered_s = take(state, "covered_s", float)
        self.pictures = take(state, "pictures", int)
        self.damages = take(state, "damages", int)
        self.packets_lost = take(state, "packets_lost", int)
        lost = take_optional(state, "lost", list)
        self._lost = None if lost is None else SourceDamaged(*lost)

    def _damage(self, until_s: float | None) -> Iterator[SourceDamaged]:
        lost, self._lost = self._with_hole(until_s), None
        if lost is None:
            return
        end_s = lost.t_end_s if until_s is None else until_s
        self.damages += 1
        self.packets_lost += lost.packets
        yield SourceDamaged(min(lost.t_start_s, end_s), end_s, lost.reason, lost.packets)

    def _with_hole(self, until_s: float | None) -> SourceDamaged | None:
        """The losses since the last picture, and the time before it without packets, if that is long."""
        end_s = self._end_s if until_s is None else until_s
        hole_s = (end_s if self._lost is None else self._lost.t_start_s) - self._covered_s
        if hole_s <= self.hole_s:
            return self._lost
        lost = self._lost or SourceDamaged(end_s, end_s, "", 0)
        reason = "; ".join(filter(None, (f"no packet for {hole_s:.1f} s", lost.reason)))
        return replace(lost, t_start_s=self._covered_s, reason=reason)
