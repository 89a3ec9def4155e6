"""Divides the time line into numbered segments without gaps or overlaps, each with its kind and its measurements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np

from stream.detection.activity import ActivityLevel
from stream.detection.detector import Change, Step
from stream.detection.history import WindowHistory, sketch
from stream.detection.idle import IdleTracker
from stream.detection.options import DetectorOptions
from stream.detection.stretches import Span
from stream.detection.thresholds import Thresholds
from stream.pipeline.facts import ClosedBy, SegmentClosed, SegmentKind, SegmentOpened
from stream.pipeline.items import Float64, Motion
from stream.pipeline.stage import State
from stream.pipeline.state import take, take_optional

Segments: TypeAlias = Iterator[SegmentOpened | SegmentClosed]


_MICROSECOND_S = 1e-6
"""Resolution of recorded times; anything shorter is a rounding error, not a segment."""
_MARK = "s"


class _Window(NamedTuple):
    """A window of the open segment."""

    t_s: float
    score: float | None
    is_usable: bool
    """Whether it has a unit vector, from which the detector can tell anything."""
    is_judged: bool
    """Whether its score was compared with thresholds."""
    mode: int | None
    """Which usual work it belongs to, if to any."""


def _state(kind: object) -> SegmentKind:
    """The detector's state in a segment of this kind: typical until it finds something else."""
    return "anomalous" if kind == "anomalous" else "typical"


def _most_common(windows: list[_Window]) -> int | None:
    """The usual work that most of these windows belong to, the lower number if two have as many; None if to none."""
    counts = Counter(window.mode for window in windows if window.mode is not None)
    return min(counts, key=lambda mode: (-counts[mode], mode), default=None)


def number_of(segment_id: str) -> int:
    """The segment's index: 0, 1, 2, ..."""
    return int(segment_id.removeprefix(_MARK))


class Segmenter:
    """Divides ``[0, decoded_s)``, except for gaps, into segments at the detector's changes and at the maximum length.

    ``known_s`` is always the stream time at which a result became known. Memory: the windows of the open segment, and
    sketches of recent windows.
    """

    def __init__(self, options: DetectorOptions, around_s: Span = (0.0, 0.0)) -> None:
        """``around_s`` is how far a window's pictures are before and after the time of the window, if that is known."""
        self._options = options
        self._middle_s = (around_s[1] - around_s[0]) / 2
        self._recent = WindowHistory(options.period_windows)
        self._number = 0
        self._start_s: float | None = None
        """Start of the open segment; None before the first one and while the source is disconnected."""
        self._next_s: float | None = 0.0
        """Start of the next segment while none is open; None while the source is disconnected."""
        self._kind: SegmentKind = "typical"
        """The detector's state: the kind of the open segment, if a window says so."""
        self._stretch_start_s = 0.0
        """Start of the current stretch of this kind, which may span several segments."""
        self._windows: list[_Window] = []
        """The windows that start in the open segment."""
        self._thresholds: Thresholds | None = None
        self._judged_from_s: float | None = None
        """Start of the first window that was judged; None during the first warm-up."""
        self._idle = IdleTracker(options, around_s)

    def motion(self, motion: Motion) -> None:
        """Take a measurement of motion, before any result that became known at its end."""
        self._idle.motion(motion)

    def begin(self, known_s: float) -> Segments:
        """Open the first segment, at 0 or after a gap, unless one is open."""
        if self._start_s is None and self._next_s is not None:
            self._start_s = self._stretch_start_s = self._next_s
            yield self._opened(known_s)

    def window(self, step: Step, unit: Float64 | None, known_s: float) -> Segments:
        """Take a window with its unit vector (None if it has none) and the detector's result for it."""
        self._windows.append(
            _Window(step.t_start_s, step.score, unit is not None, step.thresholds is not None, step.mode)
        )
        if unit is not None:
            small = sketch(unit)
            self._recent.add(step.t_start_s, small, step.mode)
            self._idle.window(step.t_start_s, small)
        if step.thresholds is not None:
            self._thresholds = step.thresholds
            self._judged_from_s = step.t_start_s if self._judged_from_s is None else self._judged_from_s
        if step.change:
            yield from self.change(step.change, known_s)
        if step.held_from_s is not None:
            yield from self._cut(step.held_from_s, known_s)
        elif not (step.pending and step.t_start_s - self._open_since() <= 2 * self._options.max_segment_s):
            yield from self._cut(step.t_start_s, known_s)

    def change(self, change: Change, known_s: float) -> Segments:
        """Switch to the other kind at the time of the change, but not at the start of the open segment."""
        yield from self._cut(change.t_s, known_s)
        second_s = next((window.t_s for window in self._windows if window.t_s > self._open_since()), None)
        if second_s is None:
            return  # it was cut at its last window: there is nothing to divide
        since_s = self._stretch_start_s
        yield from self._turn(max(change.t_s, second_s), change.closed_by, change.kind, known_s)
        if change.closed_by == "max_duration":
            self._recent.forget_work(since_s)

    def end(self, t_s: float, closed_by: ClosedBy) -> Segments:
        """Close the last segment at the end of the time line or the start of a gap; no segment is empty."""
        if self._next_s is not None and t_s > self._next_s:
            yield from self.begin(t_s)
        if self._start_s is not None:
            yield from self._cut(t_s, t_s)
            yield self._closed(t_s, closed_by, t_s)
            self._number += 1
        self._start_s, self._next_s, self._kind, self._windows = None, None, "typical", []

    def resume(self, t_s: float) -> None:
        """Start the next segment where the source is connected again."""
        self._next_s = t_s

    def resume_from(
        self, number: int, kind: SegmentKind, *, start_s: float | None = None, next_s: float | None = None
    ) -> None:
        """Continue from recorded segments: segment ``number`` started at ``start_s``, or will start at ``next_s``."""
        self._number, self._kind, self._start_s, self._next_s = number, _state(kind), start_s, next_s
        since_s = start_s if start_s is not None else next_s or 0.0
        self._stretch_start_s = since_s
        self._windows = [window for window in self._windows if window.t_s >= since_s]

    def snapshot(self) -> State:
        t = self._thresholds
        return {
            "recent": self._recent.snapshot(),
            "number": self._number,
            "start_s": self._start_s,
            "next_s": self._next_s,
            "kind": self._kind,
            "stretch_start_s": self._stretch_start_s,
            "windows": [
                [each.t_s, each.score, int(each.is_usable), int(each.is_judged), each.mode] for each in self._windows
            ],
            "thresholds": None if t is None else [t.median, t.on, t.off],
            "judged_from_s": self._judged_from_s,
            "idle": self._idle.snapshot(),
        }

    def restore(self, state: State) -> None:
        self._recent.restore(take(state, "recent", dict))
        self._number = take(state, "number", int)
        self._start_s = take_optional(state, "start_s", float)
        self._next_s = take_optional(state, "next_s", float)
        self._kind = _state(state["kind"])
        self._stretch_start_s = take(state, "stretch_start_s", float)
        windows = take(state, "windows", list)
        self._windows = [
            _Window(t_s, score, bool(usable), bool(judged), mode) for t_s, score, usable, judged, mode in windows
        ]
        thresholds = take_optional(state, "thresholds", list)
        self._thresholds = Thresholds(*thresholds) if thresholds else None
        self._judged_from_s = take_optional(state, "judged_from_s", float)
        self._idle.restore(take(state, "idle", dict))

    def _cut(self, now_s: float, known_s: float) -> Segments:
        """Cut the open segment while it exceeds the maximum length."""
        while now_s - self._open_since() > self._options.max_segment_s + _MICROSECOND_S:
            yield from self._turn(self._cut_s(known_s), "max_duration", self._kind, known_s)

    def _cut_s(self, known_s: float) -> float:
        """Where to cut the open segment: at the last turn of the cycle, else at the strongest change near the limit."""
        start_s, longest_s = self._open_since(), self._options.max_segment_s
        limit_s = start_s + longest_s
        if self._kind == "typical":
            self._leave_out_idle(self._idle.level(start_s, limit_s, known_s))
            mode = _most_common([window for window in self._windows if window.t_s < limit_s])
            period_s = self._recent.period_s(start_s, limit_s, mode)
            turn_s = period_s and self._recent.turn_s(start_s, limit_s, period_s, self._middle_s, mode)
            if turn_s:
                return round(turn_s, 6)
        natural_s = self._recent.strongest_change_s(limit_s - self._options.cut_ratio * longest_s, limit_s)
        return limit_s if natural_s is None else natural_s

    def _turn(self, t_s: float, closed_by: ClosedBy, kind: SegmentKind, known_s: float) -> Segments:
        """End one segment at ``t_s`` and start the next one there."""
        yield self._closed(t_s, closed_by, known_s)
        if kind != self._kind:
            self._stretch_start_s = t_s
        self._number += 1
        self._start_s, self._kind = t_s, kind
        yield self._opened(known_s)

    def _opened(self, known_s: float) -> SegmentOpened:
        start_s = self._open_since()
        limit_s = start_s + self._options.max_segment_s
        kind = self._judged([window for window in self._windows if start_s <= window.t_s < limit_s])
        return SegmentOpened(self._segment_id(), start_s, kind, known_s)

    def _closed(self, end_s: float, closed_by: ClosedBy, known_s: float) -> SegmentClosed:
        start_s = self._open_since()
        inside = [window for window in self._windows if window.t_s < end_s]
        scores = [window.score for window in inside if window.score is not None]
        kind = self._judged(inside)
        self._windows = self._windows[len(inside) :]
        level = self._idle.level(start_s, end_s, known_s)
        self._idle.forget_before(end_s)
        idle_s = sum(span.t_end_s - span.t_start_s for span in level.idle)
        self._leave_out_idle(level)
        if self._kind == "anomalous":
            self._recent.leave_out(start_s, end_s)
        repeats = self._kind == "typical" and any(window.is_usable for window in inside)
        period_s = self._recent.period_s(start_s, end_s, _most_common(inside)) if repeats else None
        return SegmentClosed(
            segment_id=self._segment_id(),
            t_start_s=start_s,
            t_end_s=end_s,
            kind=kind,
            closed_by=closed_by,
            detected_at_s=known_s,
            windows=len(inside),
            score_mean=float(np.mean(scores)) if scores else None,
            score_max=max(scores, default=None),
            theta_on=self._thresholds.on if self._thresholds else None,
            theta_off=self._thresholds.off if self._thresholds else None,
            period_s=period_s,
            cycles=(end_s - start_s - idle_s) / period_s if period_s else None,
            judged_from_s=next((max(window.t_s, start_s) for window in inside if window.is_judged), None),
            mode=_most_common(inside) if kind == "typical" else None,
            activity=level.moving_share,
            head_motion=level.head_widths_s,
            idle_s=round(idle_s, 6),
            idle=level.idle,
        )

    def _leave_out_idle(self, level: ActivityLevel) -> None:
        for span in level.idle:
            self._recent.leave_out(span.t_start_s, span.t_end_s)

    def _judged(self, windows: list[_Window]) -> SegmentKind:
        """The kind of a segment with these windows: unknown if they say nothing, or all are in the first warm-up."""
        from_s = self._judged_from_s
        is_known = from_s is not None and any(window.is_usable and window.t_s >= from_s for window in windows)
        return self._kind if is_known else "unknown"

    def _segment_id(self) -> str:
        return f"{_MARK}{self._number:04d}"

    def _open_since(self) -> float:
        if self._start_s is None:
            raise RuntimeError("no segment is open")
        return self._start_s
