"""Sketches of recent windows, enough to find where the work changed most, whether it repeats, and where it turns."""

from __future__ import annotations

from collections import deque
from functools import lru_cache
from itertools import count, pairwise
from typing import NamedTuple

import numpy as np

from stream.detection.stretches import Span
from stream.detection.turns import TurnSearch, turn_s
from stream.detection.work import WorkWindows
from stream.pipeline.items import Float32, Float64
from stream.pipeline.stage import State
from stream.pipeline.state import take

SKETCH_SIZE = 128
"""Values in the sketch of a window; inner products of sketches are accurate to about 1 / sqrt(128) = 9%."""
SKETCH_SEED = 20260101
LONGEST_WAIT = 0.8
"""A turn is looked for in the last period before the limit, but at most in this share of the longest segment."""


@lru_cache(maxsize=1)
def random_signs(size: int) -> Float64:
    """(size,) random values of -1 or 1, always the same."""
    return np.asarray(np.random.default_rng(SKETCH_SEED).integers(0, 2, size, dtype=np.int8) * 2.0 - 1.0, np.float64)


def sketch(unit: Float64) -> Float32:
    """Reduce ``unit`` (D,) to ``SKETCH_SIZE`` float32 values that preserve inner products in expectation.

    Random signs, then sums of D / ``SKETCH_SIZE`` values: a count sketch (Charikar, Chen, Farach-Colton, "Finding
    frequent items in data streams", 2002) that folds in order instead of hashing.
    """
    folded = np.zeros(-(-unit.size // SKETCH_SIZE) * SKETCH_SIZE)
    np.multiply(unit, random_signs(unit.size), out=folded[: unit.size])
    sums: Float64 = folded.reshape(-1, SKETCH_SIZE).sum(axis=0)
    return sums.astype(np.float32)


class _StoredWindow(NamedTuple):
    t_s: float
    row: int
    """Of its sketch."""
    mode: int | None
    """Which usual work it shows; None if that was not judged."""


class WindowHistory:
    """Sketches of the latest windows, in constant memory, and which of them are not of the usual work."""

    def __init__(self, windows: int) -> None:
        self._ring: deque[_StoredWindow] = deque(maxlen=windows)
        self._sketches: Float32 = np.zeros((windows, SKETCH_SIZE), np.float32)
        """Those of the windows, in a ring of rows."""
        self._next_row = 0
        self._left_out: list[Span] = []
        """Stretches of other work, or without work."""
        self._turns_s: list[float] = []
        """Turns of the work that were found, in the time of the windows."""

    def add(self, t_start_s: float, sketch: Float32, mode: int | None = None) -> None:
        """Add the window that starts at ``t_start_s``; ``mode`` is that of ``Step``."""
        self._sketches[self._next_row] = sketch
        self._ring.append(_StoredWindow(t_start_s, self._next_row, mode))
        self._next_row = (self._next_row + 1) % len(self._sketches)
        oldest_s = self._ring[0].t_s
        self._left_out = [span for span in self._left_out if span[1] > oldest_s]
        self._turns_s = [turn for turn in self._turns_s if turn > oldest_s]

    def leave_out(self, start_s: float, end_s: float) -> None:
        """Do not look for a repetition in ``[start_s, end_s)``: an anomaly, or idle time."""
        if (start_s, end_s) not in self._left_out:
            self._left_out.append((start_s, end_s))

    def forget_work(self, before_s: float) -> None:
        """Other work has become the usual one: nothing before ``before_s`` says anything of it."""
        self._left_out = [(-np.inf, before_s)]
        self._turns_s = []

    def strongest_change_s(self, after_s: float, until_s: float) -> float | None:
        """Start of the window in ``(after_s, until_s]`` with the greatest cosine distance to the one before it."""
        pairs = [(before.row, now.row, now.t_s) for before, now in pairwise(self._ring) if after_s < now.t_s <= until_s]
        changes = [(self._squared_distance(before, now), t_s) for before, now, t_s in pairs]
        return max(changes, key=lambda change: change[0])[1] if changes else None

    def period_s(self, start_s: float, end_s: float, mode: int | None = None) -> float | None:
        """Repetition period of the work in ``[start_s, end_s)``, which is the usual work ``mode``, if that is known.

        It is that of all stored windows of this work before ``end_s``, as those of the stretch confirm it.
        None if at least half of these are left out.
        """
        work = self.work(end_s, mode)
        of_stretch = sum(start_s <= each.t_s < end_s for each in self._ring)
        if 2 * np.count_nonzero(work.times_s >= start_s) <= of_stretch:
            return None
        return work.period_s(start_s)

    def turn_s(
        self, start_s: float, limit_s: float, period_s: float, middle_s: float, mode: int | None = None
    ) -> float | None:
        """The last turn of the cycle in the last period before ``limit_s``, for a segment that began at ``start_s``.

        ``middle_s`` is how far the middle of a window's pictures is after the time of the window; windows of unknown
        length are taken to fill their stride.
        """
        work = self.work(limit_s, mode)
        if not len(work.times_s) or work.stride_s == 0:
            return None
        shift_s = middle_s or work.stride_s / 2
        after_s = limit_s - min(period_s, LONGEST_WAIT * (limit_s - start_s))
        since_s = float(work.last_run().times_s[0])
        found = turn_s(work, TurnSearch(period_s, after_s - shift_s, limit_s - shift_s, since_s, self._turns_s))
        if found is None:
            return None
        self._turns_s.append(found)
        return found + shift_s

    def work(self, until_s: float, mode: int | None = None) -> WorkWindows:
        """The windows before ``until_s`` that are not left out, and are of no other usual work than ``mode``."""
        windows = [
            (number, each.t_s, each.row)
            for number, each in enumerate(self._ring)
            if each.t_s < until_s
            and (mode is None or each.mode in {None, mode})
            and not any(start_s <= each.t_s < end_s for start_s, end_s in self._left_out)
        ]
        numbers, times_s, rows = zip(*windows, strict=True) if windows else ((), (), ())
        return WorkWindows.of(numbers, np.array(times_s, np.float64), self._sketches[list(rows)])

    def snapshot(self) -> State:
        return {
            "times_s": np.array([each.t_s for each in self._ring]),
            "sketches": self._sketches[[each.row for each in self._ring]],
            "modes": [each.mode for each in self._ring],
            "left_out": [list(span) for span in self._left_out],
            "turns_s": list(self._turns_s),
        }

    def restore(self, state: State) -> None:
        times_s, modes = take(state, "times_s", np.ndarray).tolist(), take(state, "modes", list)
        self._ring = deque(map(_StoredWindow, times_s, count(), modes), self._ring.maxlen)
        self._sketches[: len(self._ring)] = take(state, "sketches", np.ndarray)
        self._next_row = len(self._ring) % len(self._sketches)
        self._left_out = [(start_s, end_s) for start_s, end_s in take(state, "left_out", list)]
        self._turns_s = [float(turn) for turn in take(state, "turns_s", list)]

    def _squared_distance(self, before: int, now: int) -> float:
        """|a - b|^2 of the sketches in two rows, which is 2 (1 - cos) for unit vectors."""
        return float(np.sum((self._sketches[now] - self._sketches[before]) ** 2))
