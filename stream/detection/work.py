"""Windows of the same work, in runs without a hole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from stream.detection.period import confirmed_period, repetition
from stream.pipeline.items import Float32, Float64

EVEN_STRIDE: Final = 0.1
"""Windows are in one run if the stride between them differs from the usual one by at most this fraction of it."""


@dataclass(frozen=True)
class WorkWindows:
    """Sketches of windows that are of the same work."""

    times_s: Float64
    """(n,) rising."""
    vectors: Float64
    """(n, k) sketches, less their mean."""
    runs: npt.NDArray[np.intp]
    """(n,) number of the run, 0, 1, 2, ...: a run ends where a window is missing, or is not of this work."""
    stride_s: float
    """Mean stride within runs; 0 if no two windows are in one."""

    @classmethod
    def of(cls, numbers: Sequence[int], times_s: Float64, sketches: Float32) -> WorkWindows:
        """From (n, k) sketches of windows with these numbers, (n,) rising; numbers are missing where windows are."""
        vectors = sketches.astype(np.float64)
        strides_s, adjacent = np.diff(times_s), np.diff(numbers) == 1
        usual_s = _median(strides_s[adjacent]) if adjacent.any() else 0.0
        even = adjacent & (np.abs(strides_s - usual_s) <= EVEN_STRIDE * usual_s)
        return cls(
            times_s,
            vectors - vectors.mean(axis=0) if len(vectors) else vectors,
            np.concatenate([[0], np.cumsum(~even)]).astype(np.intp)[: len(times_s)],
            float(strides_s[even].mean()) if even.any() else 0.0,
        )

    @cached_property
    def slots(self) -> npt.NDArray[np.intp]:
        """(n,) positions on an even grid, so far apart between runs that no two of them have a lag in common."""
        return np.asarray(np.arange(len(self.times_s)) + self.runs * (len(self.times_s) + 1), np.intp)

    def period_s(self, since_s: float) -> float | None:
        """The period of all windows, as the windows since ``since_s`` confirm it."""
        found = repetition(self.vectors, self.slots)
        if found is None or not np.any(inside := self.times_s >= since_s):
            return None
        period = confirmed_period(self.vectors, self.slots, found, inside)
        return None if period is None else period * self.stride_s

    def last_run(self) -> WorkWindows:
        """The latest run alone."""
        latest = self.runs == self.runs[-1:]
        return WorkWindows(self.times_s[latest], self.vectors[latest], self.runs[latest], self.stride_s)

    def at(self, times_s: Float64) -> Float64:
        """The vectors at these times (m,), between windows of the same run: (m, k), NaN elsewhere."""
        earlier, share = self.places(times_s)
        weights = share[:, None]
        return np.asarray((1 - weights) * self.vectors[earlier] + weights * self.vectors[earlier + 1], np.float64)

    def places(self, times_s: Float64) -> tuple[npt.NDArray[np.intp], Float64]:
        """For each time, the window before it, and the share of the way to the next one; NaN outside the runs."""
        earlier = np.clip(np.searchsorted(self.times_s, times_s), 1, len(self.times_s) - 1) - 1
        later = earlier + 1
        share = (times_s - self.times_s[earlier]) / (self.times_s[later] - self.times_s[earlier])
        between = (self.runs[earlier] == self.runs[later]) & (share >= 0) & (share <= 1)
        return np.asarray(earlier, np.intp), np.asarray(np.where(between, share, np.nan), np.float64)


def _median(values: Float64) -> float:
    """The median of (n,) values, n >= 1; ``np.median`` imports ``numpy.ma``, which takes longer than a clip's calls."""
    ordered = np.sort(values)
    return float(ordered[(len(values) - 1) // 2] + ordered[len(values) // 2]) / 2
