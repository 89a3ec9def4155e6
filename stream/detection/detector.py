"""The causal detector, which scores each window before it learns from it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from stream.detection.bank import Bank, Judged
from stream.detection.edges import Offset, offset, onset
from stream.detection.options import DetectorOptions
from stream.detection.thresholds import Thresholds
from stream.detection.warm_up import WarmUp
from stream.errors import InputError
from stream.pipeline.facts import ClosedBy, SegmentKind
from stream.pipeline.items import Float64
from stream.pipeline.stage import State
from stream.pipeline.state import take, take_optional

EDGE_WINDOWS = 256
"""Number of recent scores stored to find edges in; no edge is back-dated further."""
UNSETTLED_SHARE = 1 / 3
"""In this share of the warm-up, scores are not used."""


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
    held_from_s: float | None = None
    """Start of an anomaly that is not announced yet; no edge will be found before it."""
    mode: int | None = None
    """Which usual work the window is learned as; None if it is none, or during the warm-up."""


class CausalDetector:
    """Detects anomalous work as it happens.

    A window is scored and compared with the thresholds as they were before it; unless it is anomalous, it is then
    learned. A window without a unit vector (``unit_vector``) is neither scored nor learned, and does not interrupt a
    run of windows. Memory is constant: ``EDGE_WINDOWS`` scores, and two histograms and one sum of D float32 numbers
    for each of the kinds of work in the ``Bank``.
    """

    def __init__(self, options: DetectorOptions, normal: State | None = None) -> None:
        """``normal`` is what another detector has ``learned``; None: it begins with nothing."""
        self._options = options
        self._usual = Bank(options)
        self._since_s: float | None = None
        """Start of the first window that was learned, where the warm-up begins; later by other work in the warm-up."""
        self._warm_up: WarmUp | None = WarmUp() if options.warmup_s else None
        """What was learned in the warm-up; None once that is over."""
        if normal is not None:
            self._restore_learned(normal)
        self._last_s: float | None = None
        self._run = 0
        """Number of consecutive windows beyond the threshold that would change the state."""
        self._anomaly_since_s: float | None = None
        self._is_held = False
        """Whether the anomaly is not announced yet: so little is known that it may be the usual work."""
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
        judged = self._usual.judge(unit)
        if judged is None:
            self._since_s = t_start_s
            self._learn(t_start_s, unit, None)
            return Step(t_start_s)
        self._review_warm_up(t_start_s)
        thresholds = self._thresholds(t_start_s)
        change = None
        if thresholds:
            self._recent.append((t_start_s, judged.score))
            if judged.score > thresholds.on:
                self._usual.notice(unit, judged.score)
            change = self._update_state(t_start_s, judged, thresholds)
        unusual = self._anomaly_since_s is not None or (thresholds is not None and judged.average > thresholds.on)
        if not unusual and change is None:
            self._learn(t_start_s, unit, judged)
        is_over = change is not None and change.kind == "typical"
        pending = thresholds is not None and not is_over and self._is_pending(judged, thresholds)
        mode = None if unusual or thresholds is None else self._usual.number
        held_from_s = self._anomaly_since_s if self._is_held else None
        return Step(t_start_s, judged.score, judged.average, thresholds, change, pending, held_from_s, mode)

    def finish(self) -> tuple[Change, ...]:
        """After the last window: an anomaly that was held back, and the end of one that is over by its score although
        the EMA still lags."""
        thresholds = None if self._last_s is None else self._thresholds(self._last_s)
        if thresholds is None or self._anomaly_since_s is None:
            return ()
        opening = self._announced() if self._is_held else None
        return tuple(change for change in (opening, self._ended(thresholds)) if change)

    def interrupt(self) -> None:
        """Before a window that follows a gap: end the current state, and retain what was learned."""
        self._usual.interrupt()
        self._anomaly_since_s, self._is_held, self._run = None, False, 0
        self._recent.clear()

    def learned(self, stride_s: float) -> State:
        """The normal work so far, for a detector whose time 0 is ``stride_s`` after the last window's start."""
        end_s = 0.0 if self._last_s is None else self._last_s + stride_s
        since_s = None if self._since_s is None else self._since_s - end_s
        return {"usual": self._usual.handed_over(), "since_s": since_s, "warm_up": self._warm_up_snapshot()}

    def snapshot(self) -> State:
        return {
            "usual": self._usual.snapshot(),
            "since_s": self._since_s,
            "warm_up": self._warm_up_snapshot(),
            "last_s": self._last_s,
            "run": self._run,
            "anomaly_since_s": self._anomaly_since_s,
            "is_held": int(self._is_held),
            "anomaly_windows": self._anomaly_windows,
            "recent": np.array(self._recent, dtype=np.float64).reshape(-1, 2),
        }

    def restore(self, state: State) -> None:
        self._restore_learned(state)
        self._last_s = take_optional(state, "last_s", float)
        self._run = take(state, "run", int)
        self._anomaly_since_s = take_optional(state, "anomaly_since_s", float)
        self._is_held = bool(take(state, "is_held", int))
        self._anomaly_windows = take(state, "anomaly_windows", int)
        recent = take(state, "recent", np.ndarray).tolist()
        self._recent = deque(((t_s, score) for t_s, score in recent), maxlen=EDGE_WINDOWS)

    def _thresholds(self, t_s: float) -> Thresholds | None:
        """The thresholds at ``t_s``; None during the warm-up."""
        if self._since_s is None or t_s - self._since_s < self._options.warmup_s:
            return None
        return self._usual.thresholds()

    def _restore_learned(self, state: State) -> None:
        """What belongs to no particular window."""
        self._usual.restore(take(state, "usual", dict))
        self._since_s = take_optional(state, "since_s", float)
        warm_up = take_optional(state, "warm_up", dict)
        self._warm_up = None if warm_up is None else WarmUp.restored(warm_up)

    def _warm_up_snapshot(self) -> State | None:
        return self._warm_up.snapshot() if self._warm_up else None

    def _learn(self, t_s: float, unit: Float64, judged: Judged | None) -> None:
        """Learn a window of usual work.

        In the first part of the warm-up scores do not count: they are low, since all that is known has just been.
        """
        elapsed_s = 0.0 if self._since_s is None else t_s - self._since_s
        self._usual.learn(unit, judged if elapsed_s >= UNSETTLED_SHARE * self._options.warmup_s else None)
        if self._warm_up is not None:
            self._warm_up.add(unit, elapsed_s / self._options.warmup_s)

    def _review_warm_up(self, t_s: float) -> None:
        """At the end of the warm-up, forget other work that was in it, and prolong it by as much."""
        if self._warm_up is None or self._since_s is None or t_s - self._since_s < self._options.warmup_s:
            return
        majority = self._warm_up.majority()
        self._warm_up = None
        if majority is not None:
            total, count, share = majority
            self._usual.start_over(total, count)
            self._since_s += share * self._options.warmup_s

    def _update_state(self, t_s: float, judged: Judged, thresholds: Thresholds) -> Change | None:
        """The change of state caused by the latest window, if any."""
        if self._anomaly_since_s is None:
            return self._update_usual(judged, thresholds)
        self._anomaly_windows += 1
        if self._usual.returns():
            return self._closed(len(self._recent) - 1)
        self._run = self._run + 1 if judged.average < thresholds.off else 0
        if self._run >= self._options.debounce_off or self._is_quiet(thresholds):
            return self._announced() if self._is_held else self._closed(self._end_of_anomaly(thresholds))
        outweighs = self._anomaly_windows > self._usual.windows
        if outweighs or t_s - self._anomaly_since_s >= self._options.longest_anomaly_s:
            return (None if self._is_held else self._ended(thresholds)) or self._adopted(t_s, outweighs=outweighs)
        return None

    def _update_usual(self, judged: Judged, thresholds: Thresholds) -> Change | None:
        """The change of state from usual work, if any."""
        self._run = self._run + 1 if judged.average > thresholds.on else 0
        is_fast = judged.lowest is not None and judged.lowest > thresholds.fast
        if is_fast or self._run >= self._options.debounce_on:
            return self._opened(thresholds, 0.0 if is_fast else self._options.evidence)
        if judged.average < thresholds.off and judged.score < thresholds.off:
            self._usual.leave()
        return None

    def _is_quiet(self, thresholds: Thresholds) -> bool:
        """Whether the unsmoothed score has been normal for long enough although the EMA still lags."""
        level = min(self._fade_level(thresholds), thresholds.fast)
        return self._normal_again(level, thresholds.median).depth >= self._options.quiet_windows

    def _is_pending(self, judged: Judged, thresholds: Thresholds) -> bool:
        if self._anomaly_since_s is None:
            return judged.average > thresholds.off
        return self._is_held or self._end_of_anomaly(thresholds) < len(self._recent)

    def _opened(self, thresholds: Thresholds, least_evidence: float) -> Change | None:
        """Open an anomaly, unless the rise is too short, has less evidence than that, or is known work that returns."""
        scores = self._scores()[1:]  # not where the last one ended: there is a stretch between them
        if not len(scores):
            return None
        start, evidence = onset(scores, thresholds, self._options.fade_ratio)
        start_s, before_s, now_s = (self._recent[i][0] for i in (start + 1, -2, -1))
        lasted_s = now_s - start_s + (now_s - before_s)  # the latest window represents one more stride
        if lasted_s < self._options.shortest_s or evidence < least_evidence:
            return None
        self._begin_at(start + 1)
        if self._usual.returns():
            return Change(start_s, "typical", "state_change")
        self._anomaly_since_s, self._anomaly_windows = start_s, 0
        self._is_held = self._usual.windows < self._options.sure_windows
        return None if self._is_held else self._announced()

    def _announced(self) -> Change:
        """The beginning of the anomaly."""
        self._is_held = False
        return Change(self._recent[0][0], "anomalous", "state_change")

    def _end_of_anomaly(self, thresholds: Thresholds) -> int:
        """Index in ``recent`` of the first window that is normal again; one past the last if there is none."""
        return self._normal_again(self._fade_level(thresholds), thresholds.median).start

    def _fade_level(self, thresholds: Thresholds) -> float:
        """The score below which the anomaly has lost most of its height."""
        height = float(self._scores().mean()) - thresholds.median
        return max(thresholds.off, thresholds.median + self._options.fade_ratio * height)

    def _normal_again(self, level: float, median: float) -> Offset:
        """The latest stretch of ``recent`` below a level, from the shortest length of an anomaly on."""
        times_s = np.array([t_s for t_s, _ in self._recent])
        earliest = int(np.searchsorted(times_s, times_s[0] + self._options.shortest_s))
        below = offset(self._scores()[earliest:], level, median)
        return below._replace(start=earliest + below.start)

    def _ended(self, thresholds: Thresholds) -> Change | None:
        """The end of an anomaly by the score, although the EMA has not fallen yet."""
        end = self._end_of_anomaly(thresholds)
        return self._closed(end) if len(self._recent) - end >= self._options.debounce_off else None

    def _closed(self, end: int) -> Change:
        """End the anomaly at the window ``end``, or at the latest window if that is earlier."""
        self._usual.end_visit()
        self._begin_at(min(end, len(self._recent) - 1))
        self._anomaly_since_s = None
        return Change(self._recent[0][0], "typical", "state_change")

    def _adopted(self, t_s: float, *, outweighs: bool) -> Change:
        """Accept the anomaly as usual work, since it outlasts the limit, or all that was usual until now."""
        start_s, is_held = self._recent[0][0], self._is_held
        self._usual.adopt(instead=outweighs)
        self._begin_at(len(self._recent))
        self._anomaly_since_s, self._is_held = None, False
        return Change(start_s, "typical", "state_change") if is_held else Change(t_s, "typical", "max_duration")

    def _begin_at(self, index: int) -> None:
        """Discard the windows before the recent window ``index``, where an edge is."""
        for _ in range(index):
            self._recent.popleft()
        self._run = 0

    def _scores(self) -> Float64:
        return np.array([score for _, score in self._recent])
