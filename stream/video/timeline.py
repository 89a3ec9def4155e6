"""The line of stream time: where each picture stands on it, and which stretches of it are damaged."""

from collections.abc import Iterator
from dataclasses import replace

from stream.items import Damage
from stream.stage import State


class TimeLine:
    """Pictures and damage in the order of time, from the packets' clock to seconds since the first picture.

    Pictures follow each other. One whose time does not come after its predecessor's (a PTS that repeats or goes back)
    is put half a frame behind it: none is dropped, the order stays, and time finds back to the PTS once they move on.

    Losses with no picture between them are one damage, from where the first begins to where the last ends, and no
    further than the next picture. What is lost before the first picture has no time: its damage is of no length, at 0.
    """

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._origin_s: float | None = None  # where 0 lies on the packets' clock
        self._last_s: float | None = None  # start of the last picture
        self._end_s = 0.0  # its end, or the end of damage after it
        self._lost: Damage | None = None  # not given yet: it may still grow
        self._replayed_to_s: float | None = None
        self.pictures = 0
        self.packets_lost = 0
        """Of the damage given out so far."""

    @property
    def end_s(self) -> float:
        """End of the last picture, or of damage after it."""
        return max(self._end_s, self._lost.t_end_s) if self._lost else self._end_s

    def place(self, clock_s: float | None, duration_s: float) -> float | None:
        """The time of the next picture; None if it is one that ``restore`` knows as given.

        ``clock_s`` is its time on the packets' clock; without one it stands where its predecessor ends.
        """
        if self._origin_s is None:
            self._origin_s = clock_s or 0.0
        t_s = self._end_s if clock_s is None else clock_s - self._origin_s
        if self._is_replay(t_s):
            return None
        self._replayed_to_s = None
        if self._last_s is not None and t_s <= self._last_s:
            t_s = self._last_s + self._period_s / 2
        self._last_s, self._end_s = t_s, t_s + duration_s
        self.pictures += 1
        return t_s

    def lose(self, clock_s: float | None, until_s: float | None, packets: int, reason: str) -> None:
        """Note a loss on the packets' clock; by default it begins at the line's end, and is of no length."""
        start_s = end_s = self.end_s
        if self._origin_s is not None:
            start_s = start_s if clock_s is None else clock_s - self._origin_s
            end_s = start_s if until_s is None else max(start_s, until_s - self._origin_s)
        if self._is_replay(start_s):
            return
        loss = Damage(start_s, end_s, reason, packets)
        self._lost = _joined(self._lost, loss) if self._lost else loss

    def damage(self, before_s: float | None = None) -> Iterator[Damage]:
        """Give the damage noted since the last picture, cut where the next one (``before_s``) begins."""
        lost, self._lost = self._lost, None
        if lost is None:
            return
        if before_s is None:
            self._end_s = max(self._end_s, lost.t_end_s)
        else:
            lost = replace(lost, t_start_s=min(lost.t_start_s, before_s), t_end_s=min(lost.t_end_s, before_s))
        self.packets_lost += lost.packets
        yield lost

    def snapshot(self) -> State:
        return {
            "origin_s": self._origin_s,
            "last_s": self._last_s,
            "end_s": self._end_s,
            "pictures": self.pictures,
            "packets_lost": self.packets_lost,
        }

    def restore(self, state: State) -> None:
        """Go on behind the last picture of ``state``: what comes again up to there is known and left out."""
        self._origin_s = _number(state, "origin_s")
        self._last_s = self._replayed_to_s = _number(state, "last_s")
        self._end_s = _number(state, "end_s") or 0.0
        self.pictures = int(_number(state, "pictures") or 0)
        self.packets_lost = int(_number(state, "packets_lost") or 0)

    def _is_replay(self, t_s: float) -> bool:
        return self._replayed_to_s is not None and t_s <= self._replayed_to_s


def _joined(earlier: Damage, later: Damage) -> Damage:
    return Damage(
        min(earlier.t_start_s, later.t_start_s),
        max(earlier.t_end_s, later.t_end_s),
        earlier.reason if later.reason in earlier.reason else f"{earlier.reason}; {later.reason}",
        earlier.packets + later.packets,
    )


def _number(state: State, key: str) -> float | None:
    value = state[key]
    if value is None or isinstance(value, int | float):
        return value
    raise TypeError(f"{key} of a time line is a {type(value).__name__}, expected a number")
