"""The causal detector, which scores each window before it learns from it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from stream.detection.edges import offset, onset
from stream.detection.normal_model import NormalModel
from stream.detection.options import DetectorOptions
from stream.detection.thresholds import Thresholds
from stream.errors import InputError
from stream.pipeline.facts import ClosedBy, SegmentKind
from stream.pipeline.items import Float64
from stream.pipeline.stage import State
from stream.pipeline.state import take, take_optional

EDGE_WINDOWS = 256
"""Number of recent scores stored to find edges in; no edge is back-dated further."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of state: from ``t_s`` on the work is of ``kind``."""

    t_s: float
    kind: SegmentKind
    closed_by: ClosedBy
    """What ended the previous stretch; ``max_duration`` if an anomaly became the new normal."""


@dataclass(frozen=True, slots=True)
class Step:
    """The detector's result for one window. Fields are None if there was nothing to compare with."""

    t_start_s: float
    score: float | None = None
    """1 - mean cosine to normal work; None for the first window and for a window without a unit vector."""
    smoothed: float | None = None
    """EMA of the scores."""
    thresholds: Thresholds | None = None
    """The thresholds for ``smoothed``; None during the warm-up."""
    change: Change | None = None
    pending: bool = False
    """Whether an edge may yet be found before this window, since the EMA lags the score."""


class CausalDetector:
    """Detects anomalous work as it happens.

    A window is scored and compared with the thresholds as they were before it; unless it is anomalous, it is then
    learned. A window without a unit vector (``unit_vector``) is neither scored nor learned, and does not interrupt a
    run of windows. Memory is constant: two histograms, ``EDGE_WINDOWS`` scores and one sum of D float64 numbers.
    """

    def __init__(self, options: DetectorOptions, normal: State | None = None) -> None:
        """``normal`` is what another detector has ``learned``; None: it begins with nothing."""
        self._options = options
        self._usual = NormalModel(options)
        if normal is not None:
            self._usual.restore(normal)
        self._last_s: float | None = None
        self._run = 0
        """Number of consecutive windows beyond the threshold that would change the state."""
        self._anomaly_since_s: float | None = None
        self._anomaly_windows = 0
        """Number of windows since the anomaly was detected."""
        self._recent: deque[tuple[float, float]] = deque(maxlen=EDGE_WINDOWS)
        """(start in seconds, score) of the windows since the last edge or the warm-up."""

    def push(self, t_start_s: float, unit: Float64 | None) -> Step:
        """Process the window that starts at ``t_start_s``, with its unit vector (D,), or None if it has none.

        Raises ``InputError`` if the time is not later than the previous one, or if D differs.
        """
        if self._last_s is not None and not t_start_s > self._last_s:
            raise InputError(f"a window at {t_start_s} s follows one at {self._last_s} s: times must ascend")
        self._last_s = t_start_s
        if unit is None:
            return Step(t_start_s)
        score = self._usual.score(unit)
        if score is None:
            self._usual.learn(t_start_s, unit, None)
            return Step(t_start_s)
        smoothed = self._usual.smooth(score)
        thresholds = self._usual.thresholds(t_start_s)
        self._usual.see(smoothed)
        change = None
        if thresholds:
            self._recent.append((t_start_s, score))
            change = self._update_state(t_start_s, smoothed, thresholds)
        unusual = self._anomaly_since_s is not None or (thresholds is not None and smoothed > thresholds.on)
        if not unusual and change is None:
            self._usual.learn(t_start_s, unit, smoothed)
        pending = thresholds is not None and change is None and self._is_pending(smoothed, thresholds)
        return Step(t_start_s, score, smoothed, thresholds, change, pending)

    def finish(self) -> Change | None:
        """After the last window: the end of an anomaly that is over by its score although the EMA still lags."""
        thresholds = None if self._last_s is None else self._usual.thresholds(self._last_s)
        return self._ended(thresholds) if thresholds and self._anomaly_since_s is not None else None

    def interrupt(self) -> None:
        """Before a window that follows a gap: end the current state, and retain what was learned."""
        self._usual.interrupt()
        self._anomaly_since_s, self._run = None, 0
        self._recent.clear()

    def learned(self, stride_s: float) -> State:
        """The normal work so far, for a detector whose time 0 is ``stride_s`` after the last window's start."""
        return self._usual.handed_over(0.0 if self._last_s is None else self._last_s + stride_s)

    def snapshot(self) -> State:
        return {
            "usual": self._usual.snapshot(),
            "last_s": self._last_s,
            "run": self._run,
            "anomaly_since_s": self._anomaly_since_s,
            "anomaly_windows": self._anomaly_windows,
            "recent": np.array(self._recent, dtype=np.float64).reshape(-1, 2),
        }

    def restore(self, state: State) -> None:
        self._usual.restore(take(state, "usual", dict))
        self._last_s = take_optional(state, "last_s", float)
        self._run = take(state, "run", int)
        self._anomaly_since_s = take_optional(state, "anomaly_since_s", float)
        self._anomaly_windows = take(state, "anomaly_windows", int)
        recent = take(state, "recent", np.ndarray).tolist()
        self._recent = deque(((t_s, score) for t_s, score in recent), maxlen=EDGE_WINDOWS)

    def _update_state(self, t_s: float, smoothed: float, thresholds: Thresholds) -> Change | None:
        """The change of state caused by the latest window, if any."""
        if self._anomaly_since_s is None:
            self._run = self._run + 1 if smoothed > thresholds.on else 0
            return self._opened(thresholds) if self._run >= self._options.debounce_on else None
        self._anomaly_windows += 1
        self._run = self._run + 1 if smoothed < thresholds.off else 0
        if self._run >= self._options.debounce_off or self._is_quiet(thresholds):
            return self._closed(self._end_of_anomaly(thresholds))
        lasted_s = t_s - self._anomaly_since_s
        if lasted_s >= self._options.longest_anomaly_s or self._anomaly_windows > self._usual.windows:
            return self._ended(thresholds) or self._adopted(t_s)
        return None

    def _is_quiet(self, thresholds: Thresholds) -> bool:
        """Whether the unsmoothed score has been normal for long enough although the EMA still lags."""
        return len(self._recent) - offset(self._scores(), thresholds.off) >= self._options.quiet_windows

    def _is_pending(self, smoothed: float, thresholds: Thresholds) -> bool:
        if self._anomaly_since_s is None:
            return smoothed > thresholds.off
        return self._end_of_anomaly(thresholds) < len(self._recent)

    def _opened(self, thresholds: Thresholds) -> Change | None:
        """Open an anomaly, unless the rise of the EMA is too short or caused by a few outliers."""
        scores = self._scores()[1:]  # not where the last one ended: there is a stretch between them
        if not len(scores):
            return None
        start, evidence = onset(scores, thresholds)
        start_s, before_s, now_s = (self._recent[i][0] for i in (start + 1, -2, -1))
        lasted_s = now_s - start_s + (now_s - before_s)  # the latest window represents one more stride
        if lasted_s < self._options.shortest_s or evidence < self._options.evidence:
            return None
        self._anomaly_since_s, self._anomaly_windows = start_s, 0
        self._begin_at(start + 1)
        return Change(start_s, "anomalous", "state_change")

    def _end_of_anomaly(self, thresholds: Thresholds) -> int:
        """Index in ``recent`` of the first window that is normal again; one past the last if there is none."""
        scores = self._scores()
        height = float(scores.mean()) - thresholds.median
        level = max(thresholds.off, thresholds.median + self._options.fade_ratio * height)
        times_s = np.array([t_s for t_s, _ in self._recent])
        earliest = int(np.searchsorted(times_s, times_s[0] + self._options.shortest_s))
        return earliest + offset(scores[earliest:], level)

    def _ended(self, thresholds: Thresholds) -> Change | None:
        """The end of an anomaly by the score, although the EMA has not fallen yet."""
        end = self._end_of_anomaly(thresholds)
        return self._closed(end) if len(self._recent) - end >= self._options.debounce_off else None

    def _closed(self, end: int) -> Change:
        """End the anomaly at the window ``end``, or at the latest window if that is earlier."""
        self._begin_at(min(end, len(self._recent) - 1))
        self._anomaly_since_s = None
        return Change(self._recent[0][0], "typical", "state_change")

    def _adopted(self, t_s: float) -> Change:
        """Accept the anomaly as the new normal, since it outlasts the limit or all that was learned."""
        self._begin_at(len(self._recent))
        self._anomaly_since_s = None
        self._usual = NormalModel(self._options)
        return Change(t_s, "typical", "max_duration")

    def _begin_at(self, index: int) -> None:
        """Discard the windows before the recent window ``index``, where an edge is."""
        for _ in range(index):
            self._recent.popleft()
        self._run = 0

    def _scores(self) -> Float64:
        return np.array([score for _, score in self._recent])
