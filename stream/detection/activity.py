"""Activity: how much moves in the picture apart from the head, and where nothing does for long."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from stream.detection.histogram import DecayingHistogram
from stream.detection.options import DetectorOptions
from stream.detection.stretches import ROUNDING_S, LongStretches
from stream.pipeline.facts import IdleSpan
from stream.pipeline.items import Float64, Motion
from stream.pipeline.stage import State
from stream.pipeline.state import take

STILL_WINDOW_S: Final = 2.0
"""Motion is averaged over the last so many seconds before it is compared with the thresholds."""
HEAD_STILL_WIDTHS_S: Final = 0.15
"""A head that moves faster, on average, is not still: the wearer walks or looks around."""
_RATE_HZ: Final = 5
"""Measurements a second, for the memory of the usual activity."""
_FRAME_ROUNDING_S: Final = 0.002
"""A frame may precede the end of the one before it by this much: Matroska, for one, has times in milliseconds."""


@dataclass(frozen=True, slots=True)
class ActivityLevel:
    """The motion in one stretch of time."""

    moving_share: float | None
    """Mean share of the picture that moves independently of the head, from 0 to 1; None if it was never measured."""
    head_widths_s: float | None
    """Mean speed of the picture as a whole, in picture widths a second; None if it was never measured."""
    idle: tuple[IdleSpan, ...] = ()
    """Where nothing moves for long: in order, without overlap, within the stretch."""


class ActivityTracker:
    """Collects motion as it is measured, and reports the activity in any stretch that has not been reported yet.

    The picture is still at ``t`` if, over the ``STILL_WINDOW_S`` seconds before ``t``, the mean moving share is at most
    ``idle_threshold`` and the mean head speed at most ``HEAD_STILL_WIDTHS_S``. All of these seconds then belong to a
    still stretch; stretches that touch are one. A still stretch is idle once it has lasted ``idle_after_s`` seconds.
    Windows that are encoded in batches come later than the motion after them, which must not change what they tell:
    ``level`` takes what was measured until a time. Memory: the motion since the start of the open segment.
    """

    def __init__(self, options: DetectorOptions) -> None:
        self._options = options
        self._coming: deque[Motion] = deque()
        """Measurements later than all that ``level`` was asked for."""
        self._samples: list[Motion] = []
        """Measurements that end after the start of the open segment, in order."""
        self._window: deque[Motion] = deque()
        """Measurements of the last ``STILL_WINDOW_S`` seconds, without a hole."""
        self._still = LongStretches(options.idle_after_s)
        self._usual = DecayingHistogram(_RATE_HZ * options.memory_windows)
        """Of the moving share."""

    def add(self, motion: Motion) -> None:
        """Take the next measurement."""
        self._coming.append(motion)

    def level(self, start_s: float, end_s: float, known_s: float = math.inf) -> ActivityLevel:
        """The activity in ``[start_s, end_s)``, as far as it was measured before ``known_s``, which never falls."""
        while self._coming and self._coming[0].t_end_s < known_s - _FRAME_ROUNDING_S:
            self._measure(self._coming.popleft())
        inside = self._inside(start_s, end_s)
        idle = tuple(IdleSpan(start, end) for start, end in self._still.within(start_s, end_s))
        shares = [motion.moving_share for motion in inside if motion.moving_share is not None]
        speeds = [motion.head_widths_s for motion in inside]
        return ActivityLevel(
            float(np.mean(shares)) if shares else None, float(np.mean(speeds)) if speeds else None, idle
        )

    def is_usual(self, start_s: float, end_s: float) -> bool:
        """Whether as much moves in ``[start_s, end_s)`` as usual: hands or surroundings, or the head as a whole.

        As usual is more than ``idle_change`` times the median so far. False where no motion was measured.
        """
        inside = self._inside(start_s, end_s)
        if not inside:
            return False
        shares = [motion.moving_share for motion in inside if motion.moving_share is not None]
        if len(shares) < len(inside) / 2 or np.mean([each.head_widths_s for each in inside]) > HEAD_STILL_WIDTHS_S:
            return True
        usual = self._options.idle_change * self._usual.median
        return float(np.mean(shares)) > max(usual, self._options.idle_threshold)

    def forget_before(self, t_s: float) -> None:
        """Drop what no later stretch needs: none begins before ``t_s``."""
        self._samples = [motion for motion in self._samples if motion.t_end_s > t_s]
        self._still.forget_before(t_s)

    def snapshot(self) -> State:
        return {
            "coming": _packed(self._coming),
            "samples": _packed(self._samples),
            "window": _packed(self._window),
            "still": self._still.snapshot(),
            "usual": self._usual.snapshot(),
        }

    def restore(self, state: State) -> None:
        self._coming = deque(_unpacked(take(state, "coming", np.ndarray)))
        self._samples = _unpacked(take(state, "samples", np.ndarray))
        self._window = deque(_unpacked(take(state, "window", np.ndarray)))
        self._still.restore(take(state, "still", dict))
        self._usual.restore(take(state, "usual", dict))

    def _inside(self, start_s: float, end_s: float) -> list[Motion]:
        return [motion for motion in self._samples if start_s <= motion.t_start_s < end_s]

    def _measure(self, motion: Motion) -> None:
        """Take a measurement into account."""
        self._samples.append(motion)
        if motion.moving_share is not None:
            self._usual.add(motion.moving_share)
        if self._window and motion.t_start_s - self._window[-1].t_end_s > ROUNDING_S:
            self._window.clear()
        self._window.append(motion)
        from_s = motion.t_end_s - STILL_WINDOW_S + ROUNDING_S
        while len(self._window) > 1 and self._window[1].t_start_s <= from_s:
            self._window.popleft()
        if self._window[0].t_start_s <= from_s and self._is_still():
            self._still.extend(self._window[0].t_start_s, motion.t_end_s)

    def _is_still(self) -> bool:
        """Whether nothing moves in the window; a head that is too fast to measure moves."""
        elapsed_s = sum(motion.t_end_s - motion.t_start_s for motion in self._window)
        moving_s = head_widths = 0.0
        for motion in self._window:
            if motion.moving_share is None:
                return False
            moving_s += motion.moving_share * (motion.t_end_s - motion.t_start_s)
            head_widths += motion.head_widths_s * (motion.t_end_s - motion.t_start_s)
        threshold = self._options.idle_threshold
        return moving_s <= threshold * elapsed_s and head_widths <= HEAD_STILL_WIDTHS_S * elapsed_s


def _packed(samples: Sequence[Motion] | deque[Motion]) -> Float64:
    """(n, 4) float64; NaN where the share is unknown."""
    rows = [
        (each.t_start_s, each.t_end_s, np.nan if each.moving_share is None else each.moving_share, each.head_widths_s)
        for each in samples
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def _unpacked(rows: Float64) -> list[Motion]:
    return [
        Motion(start_s, end_s, None if share != share else share, head)  # noqa: PLR0124 - NaN
        for start_s, end_s, share, head in rows.tolist()
    ]
