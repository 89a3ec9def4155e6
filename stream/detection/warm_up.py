"""The warm-up, looked at again when it is over: other work in it must not count as usual."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stream.pipeline.items import Float16, Float32, Float64
from stream.pipeline.stage import State
from stream.pipeline.state import take

BLOCKS = 10
"""The warm-up is divided into so many blocks of time."""
SEPARATION = 1.8
"""Work is other work if it is so many times as far from the rest as the blocks of either are from each other."""


class Minority(NamedTuple):
    """Other work in the warm-up."""

    first: int
    """Index of its first block."""
    blocks: int


class WarmUp:
    """Sums of the unit vectors in each block, half precision, until the warm-up is over."""

    def __init__(self) -> None:
        self._sums: list[Float16] = []
        self._counts: list[int] = []

    def add(self, unit: Float64, elapsed: float) -> None:
        """Add a window, at a share of the warm-up from 0 to 1."""
        block = min(int(elapsed * BLOCKS), BLOCKS - 1)
        while len(self._sums) <= block:
            self._sums.append(np.zeros(len(unit), np.float16))
            self._counts.append(0)
        self._sums[block] = (self._sums[block] + unit).astype(np.float16)
        self._counts[block] += 1

    def majority(self) -> tuple[Float32, int, float] | None:
        """Sum and number of the unit vectors without other work, and the share of the warm-up that this was.

        None if there was none.
        """
        if len(self._sums) < BLOCKS or not all(self._counts):
            return None
        sums = np.array(self._sums, np.float32)
        minority = find_minority(sums)
        if minority is None:
            return None
        others = np.ones(BLOCKS, bool)
        others[minority.first : minority.first + minority.blocks] = False
        return sums[others].sum(axis=0), int(np.array(self._counts)[others].sum()), minority.blocks / BLOCKS

    def snapshot(self) -> State:
        return {"sums": [each.copy() for each in self._sums], "counts": list(self._counts)}

    @classmethod
    def restored(cls, state: State) -> WarmUp:
        warm_up = cls()
        warm_up._sums = [np.array(each) for each in take(state, "sums", list)]
        warm_up._counts = take(state, "counts", list)
        return warm_up


def find_minority(sums: Float32) -> Minority | None:
    """The unbroken run of fewer than half of the blocks (B, D) that stands out most, if it does at all.

    Distances are 1 - cosine between blocks. A run is as separate as its mean distance from the rest exceeds the larger
    one of the mean distances within the run and within the rest. Half of the blocks are a minority too, if the rest
    lies on both sides of them: it was there before, and returned.
    """
    units = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    distances = 1 - units @ units.T
    best, separation = None, SEPARATION
    for first in range(BLOCKS):
        for blocks in range(2, BLOCKS // 2 + 1):
            inside = np.zeros(BLOCKS, bool)
            inside[first : first + blocks] = True
            is_between = first > 0 and first + blocks < BLOCKS
            if first + blocks > BLOCKS or (2 * blocks == BLOCKS and not is_between):
                continue
            within = max(_mean_within(distances[np.ix_(side, side)]) for side in (inside, ~inside))
            found = float(distances[np.ix_(inside, ~inside)].mean()) / within
            if found > separation:
                best, separation = Minority(first, blocks), found
    return best


def _mean_within(distances: Float32) -> float:
    """The mean distance of two different blocks, out of (n, n) distances, n >= 2."""
    count = len(distances)
    return max(float(distances.sum()) / (count * (count - 1)), 1e-6)
