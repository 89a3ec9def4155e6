"""A distribution in constant memory: a histogram that adapts its range and lets old samples decay."""

from __future__ import annotations

import math

import numpy as np

from stream.detection.thresholds import WeightedSamples
from stream.pipeline.stage import State
from stream.pipeline.state import take

BINS = 2048
FINEST_EXPONENT = -30
FORGOTTEN = 1e-6
"""A bin whose weight has decayed below this fraction of a sample counts as empty."""


class DecayingHistogram:
    """Weights over at most ``BINS`` adjacent bins ``[k 2^e, (k + 1) 2^e)``, with one integer ``e`` for all.

    Bins start 1e-9 wide. A value outside their range doubles the width until it fits. Pairs of bins merge exactly, so
    the result equals the histogram of all values over the final bins. A new sample has weight 1; older ones decay, so
    that the total weight never exceeds ``memory``.
    """

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._exponent = FINEST_EXPONENT
        self._first = 0
        self._weights = np.zeros(BINS)
        self._total = 0.0
        """The total weight: exact until samples decay, from then on to rounding."""

    @property
    def width(self) -> float:
        """Width of a bin, which bounds the error of statistics compared with those of the samples."""
        return math.ldexp(1.0, self._exponent)

    @property
    def empty(self) -> bool:
        """Whether there are no samples yet."""
        return self._total == 0

    @property
    def median(self) -> float:
        """The centre of the bin with the lower weighted median; there must be a sample."""
        reached = np.cumsum(self._weights)
        return float((self._first + np.searchsorted(reached, reached[-1] / 2) + 0.5) * self.width)

    def add(self, value: float) -> None:
        """Add a finite sample."""
        if self._total > self._memory - 1:
            self._weights *= (self._memory - 1) / float(self._weights.sum())
            self._weights[self._weights < FORGOTTEN] = 0
            self._total = self._memory - 1.0
        index = math.floor(math.ldexp(value, -self._exponent))
        while not self._make_room(index):
            self._coarsen()
            index >>= 1
        self._weights[index - self._first] += 1
        self._total += 1

    def absorb(self, other: DecayingHistogram) -> None:
        """Add the samples of another one, rounded to whole ones, each at the middle of its bin."""
        for value, weight in zip(*other.points(), strict=True):
            for _ in range(round(float(weight))):
                self.add(float(value))

    def points(self) -> WeightedSamples:
        """The centres of the bins that are not empty, with their weights."""
        occupied = np.flatnonzero(self._weights)
        middles = (self._first + occupied + 0.5) * np.float64(self.width)
        return WeightedSamples(middles, self._weights[occupied])

    def snapshot(self) -> State:
        """It holds the weights from the first bin that is not empty to the last one."""
        occupied = np.flatnonzero(self._weights)
        lowest, end = (int(occupied[0]), int(occupied[-1]) + 1) if len(occupied) else (0, 0)
        weights = self._weights[lowest:end].copy()
        return {"exponent": self._exponent, "first": self._first, "lowest": lowest, "weights": weights}

    def restore(self, state: State) -> None:
        self._exponent = take(state, "exponent", int)
        self._first = take(state, "first", int)
        lowest, weights = take(state, "lowest", int), take(state, "weights", np.ndarray)
        self._weights = np.zeros(BINS)
        self._weights[lowest : lowest + len(weights)] = weights
        self._total = float(weights.sum())

    def _make_room(self, index: int) -> bool:
        """Shift the bins to include ``index``; False if it is too far from the occupied ones."""
        if 0 <= index - self._first < BINS:
            return True
        occupied = self._first + np.flatnonzero(self._weights)
        lowest, highest = (int(occupied[0]), int(occupied[-1])) if len(occupied) else (index, index)
        if max(highest, index) - min(lowest, index) >= BINS:
            return False
        retained = (
            self._weights[lowest - self._first : highest - self._first + 1].copy() if len(occupied) else np.zeros(1)
        )
        first = (min(lowest, index) + max(highest, index) - BINS) // 2 + 1
        self._weights[:] = 0
        self._weights[lowest - first : lowest - first + len(retained)] = retained
        self._first = first
        return True

    def _coarsen(self) -> None:
        pairs = np.zeros(BINS + 2)
        odd = self._first & 1
        pairs[odd : odd + BINS] = self._weights
        self._weights[:] = 0
        self._weights[: BINS // 2 + 1] = pairs.reshape(-1, 2).sum(axis=1)
        self._first >>= 1
        self._exponent += 1
