"""Sketches of recent windows, enough to find where the work changed most and whether it repeats."""

from __future__ import annotations

from collections import deque
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from stream.detection.period import repetition
from stream.pipeline.items import Float32, Float64
from stream.pipeline.stage import State
from stream.pipeline.state import take

SKETCH_SIZE = 128
"""Values in the sketch of a window; inner products of sketches are accurate to about 1 / sqrt(128) = 9%."""
SKETCH_SEED = 20260101
EVEN_STRIDE = 0.1
"""Windows count as evenly spaced if no stride differs from the latest one by more than this fraction of it."""


@lru_cache(maxsize=1)
def random_signs(size: int) -> npt.NDArray[np.int8]:
    """``size`` random values of -1 or 1, always the same."""
    return np.random.default_rng(SKETCH_SEED).integers(0, 2, size, dtype=np.int8) * np.int8(2) - np.int8(1)


def sketch(unit: Float64) -> Float32:
    """Reduce ``unit`` (D,) to ``SKETCH_SIZE`` float32 values that preserve inner products in expectation.

    Random signs, then sums of D / ``SKETCH_SIZE`` values: a count sketch (Charikar, Chen, Farach-Colton, "Finding
    frequent items in data streams", 2002) that folds in order instead of hashing.
    """
    folded = np.zeros(-(-unit.size // SKETCH_SIZE) * SKETCH_SIZE)
    folded[: unit.size] = unit * random_signs(unit.size)
    sums: Float64 = folded.reshape(-1, SKETCH_SIZE).sum(axis=0)
    return sums.astype(np.float32)


class WindowHistory:
    """Sketches of the latest windows, in constant memory."""

    def __init__(self, windows: int) -> None:
        self._ring: deque[tuple[float, Float32]] = deque(maxlen=windows)

    def add(self, t_start_s: float, unit: Float64) -> None:
        """Add the window that starts at ``t_start_s``."""
        self._ring.append((t_start_s, sketch(unit)))

    def strongest_change_s(self, after_s: float, until_s: float) -> float | None:
        """Start of the window in ``(after_s, until_s]`` with the greatest cosine distance to the one before it."""
        changes = [
            (float(np.sum((now - before) ** 2)), t_s)  # |a - b|^2 = 2 (1 - cos) for unit vectors
            for (_, before), (t_s, now) in pairwise(self._ring)
            if after_s < t_s <= until_s
        ]
        return max(changes, key=lambda change: change[0])[1] if changes else None

    def period_s(self, start_s: float, end_s: float) -> float | None:
        """Repetition period of the work in ``[start_s, end_s)``, from the windows still stored without a gap."""
        windows = [(t_s, vector) for t_s, vector in self._ring if start_s <= t_s < end_s]
        if len(windows) < 2:
            return None
        times_s = np.array([t_s for t_s, _ in windows])
        strides_s = np.diff(times_s)
        stride_s = float(strides_s[-1])
        uneven = np.flatnonzero(np.abs(strides_s - stride_s) > EVEN_STRIDE * stride_s)
        since = int(uneven[-1]) + 1 if len(uneven) else 0
        found = repetition(np.array([vector for _, vector in windows[since:]], dtype=np.float64))
        return found.period * float(strides_s[since:].mean()) if found and found.period else None

    def snapshot(self) -> State:
        return {
            "times_s": np.array([t_s for t_s, _ in self._ring]),
            "sketches": np.array([vector for _, vector in self._ring], dtype=np.float32).reshape(-1, SKETCH_SIZE),
        }

    def restore(self, state: State) -> None:
        times_s = take(state, "times_s", np.ndarray).tolist()
        self._ring = deque(zip(times_s, np.array(take(state, "sketches", np.ndarray)), strict=True), self._ring.maxlen)
