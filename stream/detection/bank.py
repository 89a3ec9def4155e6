"""The kinds of work that the detector knows: those that are usual, and those that become so if they return."""

from __future__ import annotations

from typing import NamedTuple

from stream.detection.mode import Mode, Smoother
from stream.detection.options import DetectorOptions
from stream.detection.thresholds import Thresholds
from stream.detection.visit import Visit
from stream.pipeline.items import Float32, Float64
from stream.pipeline.stage import State
from stream.pipeline.state import take, take_optional

MOST_MODES = 4
"""Kinds of work that are known; the one that was done longest ago makes room for a new one."""


class Judged(NamedTuple):
    """How unusual a window is."""

    score: float
    """1 - mean cosine to the usual work that it fits best."""
    average: float
    """The EMA of the scores."""
    lowest: float | None
    """The lowest of the latest ``LOWEST_OF`` scores; None before there are as many."""


class Bank:
    """At most ``MOST_MODES`` kinds of work, one of which is being done, and the visit to another one, if any.

    A window is compared with every usual work and belongs to the one whose median its score exceeds least. Work that
    was anomalous is remembered. When it returns, and ``mode_windows`` windows of it have been seen, it is usual.
    """

    def __init__(self, options: DetectorOptions) -> None:
        self._options = options
        self._known: list[Mode] = []
        """In the order in which they were met; it does not change during a visit."""
        self._current: Mode | None = None
        """The usual work of the latest window; None before the first."""
        self._smoother = Smoother(options.alpha)
        self._numbers = 0
        """How many kinds of work have become usual."""
        self._uses = 0
        self._visit: Visit | None = None

    @property
    def windows(self) -> float:
        """Number of learned windows of the current usual work, after decay."""
        return self._current.windows if self._current else 0.0

    @property
    def number(self) -> int | None:
        """Which usual work the latest window belongs to: 0, 1, 2, ..."""
        return self._current.number if self._current else None

    def judge(self, unit: Float64) -> Judged | None:
        """Score a window and smooth the score; None before anything was learned."""
        if self._current is None:
            return None
        nearest, score = self._current, self._current.score(unit)
        excess = score - self._current.median
        for mode in self._known:
            if mode.number is not None and mode is not self._current:
                other = mode.score(unit)
                if other - mode.median < excess:
                    nearest, score, excess = mode, other, other - mode.median
        if nearest is not self._current:
            self._smoother.shift(nearest.median - self._current.median)
            self._use(nearest)
        return Judged(score, *self._smoother.add(score))

    def thresholds(self) -> Thresholds | None:
        """Those of the current usual work; None before its first score."""
        return self._current.thresholds() if self._current else None

    def learn(self, unit: Float64, judged: Judged | None) -> None:
        """Learn a window of the current usual work; the very first begins it."""
        if self._current is None:
            self._use(self._numbered(Mode(self._options)))
        if self._current is not None:
            self._current.learn(unit, *(judged[1:] if judged else (None, None)))

    def notice(self, unit: Float64, score: float) -> None:
        """Learn a window of work that is not usual, and compare it with what is known."""
        if self._current is None:
            return
        if self._visit is None:
            self._visit = Visit(Mode(self._options), [0.0] * len(self._known))
        self._visit.add(unit, score - self._current.median, self._known)

    def leave(self) -> None:
        """Usual work again, and there was no anomaly."""
        self._visit = None

    def end_visit(self) -> None:
        """Usual work again, after an anomaly: remember it."""
        if self._visit is None:
            return
        known = self._visit.matched(self._known)
        if known is not None:
            known.absorb(self._visit.mode)
            self._touch(known)
        else:
            self._add(self._visit.mode)
        self._visit = None

    def returns(self) -> bool:
        """Whether the work that is being visited was seen before, and has become usual now."""
        known = self._visit.matched(self._known) if self._visit else None
        if self._visit is None or known is None:
            return False
        if known.windows + self._visit.mode.windows < self._options.mode_windows:
            return False
        known.absorb(self._visit.mode)
        self._become_usual(known)
        return True

    def adopt(self, *, instead: bool) -> None:
        """Make the work that is being visited usual; ``instead`` of the current one, which is remembered, or also."""
        if self._visit is None or self._current is None:
            return
        if instead:
            self._current.number = None
        mode = self._visit.mode
        self._add(mode)
        self._become_usual(mode)

    def start_over(self, total: Float32, count: int) -> None:
        """Replace all that is known by the sum of ``count`` unit vectors (D,), without any score."""
        mode = Mode(self._options)
        mode.begin_with(total, count)
        self._known, self._numbers = [], 0
        self._become_usual(mode)

    def interrupt(self) -> None:
        """Smooth anew, because the next window does not follow the last one."""
        self._smoother.reset()
        self._visit = None

    def handed_over(self) -> State:
        """A snapshot without what belongs to the latest windows."""
        return {**self.snapshot(), "smoother": Smoother(self._options.alpha).snapshot(), "visit": None}

    def snapshot(self) -> State:
        return {
            "known": [mode.snapshot() for mode in self._known],
            "current": None if self._current is None else self._known.index(self._current),
            "smoother": self._smoother.snapshot(),
            "numbers": self._numbers,
            "uses": self._uses,
            "visit": self._visit.snapshot() if self._visit else None,
        }

    def restore(self, state: State) -> None:
        self._known = [Mode.restored(self._options, each) for each in take(state, "known", list)]
        current = take_optional(state, "current", int)
        self._current = None if current is None else self._known[current]
        self._smoother.restore(take(state, "smoother", dict))
        self._numbers = take(state, "numbers", int)
        self._uses = take(state, "uses", int)
        visit = take_optional(state, "visit", dict)
        self._visit = None if visit is None else Visit.restored(self._options, visit)

    def _become_usual(self, mode: Mode) -> None:
        self._use(self._numbered(mode))
        self._smoother.reset()
        self._visit = None

    def _numbered(self, mode: Mode) -> Mode:
        mode.number = self._numbers
        self._numbers += 1
        return mode

    def _use(self, mode: Mode) -> None:
        """Make a kind of work the current one."""
        if all(each is not mode for each in self._known):
            self._known.append(mode)
        self._current = mode
        self._touch(mode)

    def _touch(self, mode: Mode) -> None:
        """Note that this kind of work was done last."""
        self._uses += 1
        mode.last_use = self._uses

    def _add(self, mode: Mode) -> None:
        """Remember new work, in place of what was done longest ago: of what is not usual, if there is any."""
        if len(self._known) == MOST_MODES:
            others = [each for each in self._known if each is not self._current]
            self._known.remove(min(others, key=lambda each: (each.number is not None, each.last_use)))
        self._known.append(mode)
        self._touch(mode)
