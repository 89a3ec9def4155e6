"""Where the worker is idle: nothing moves in the picture for long, or, by embeddings, what it shows hardly changes.

Motion says it to the second wherever pictures can be compared. It cannot where there are no pictures, and calls nobody
idle while a machine or other people move behind hands that rest. Embeddings say it with any encoder, but only relative
to the work before, and cannot tell quiet work from none. So the stretches of motion count as they are, and those of
embeddings for the rest of the time, unless the motion there is as great as at work. Each says which signal found it.
"""

from __future__ import annotations

from stream.detection.activity import ActivityLevel, ActivityTracker
from stream.detection.options import DetectorOptions
from stream.detection.stillness import StillnessTracker
from stream.detection.stretches import ROUNDING_S, Span
from stream.pipeline.facts import IdleSpan
from stream.pipeline.items import Float32, Motion
from stream.pipeline.stage import State
from stream.pipeline.state import take


class IdleTracker:
    """Collects motion and windows, and reports the activity in any stretch that has not been reported yet."""

    def __init__(self, options: DetectorOptions, around_s: Span) -> None:
        """``around_s`` as in ``StillnessTracker``."""
        self._shortest_s = options.idle_after_s
        self._activity = ActivityTracker(options)
        self._stillness = StillnessTracker(options, around_s)

    def motion(self, motion: Motion) -> None:
        """Take the next measurement of motion."""
        self._activity.add(motion)

    def window(self, t_s: float, sketch: Float32) -> None:
        """Take the next window with the sketch of its unit vector."""
        self._stillness.add(t_s, sketch)

    def level(self, start_s: float, end_s: float, known_s: float) -> ActivityLevel:
        """The activity in ``[start_s, end_s)``, as far as motion was measured before ``known_s``, which never falls."""
        level = self._activity.level(start_s, end_s, known_s)
        by_motion = [(span.t_start_s, span.t_end_s) for span in level.idle]
        by_embedding = [
            IdleSpan(start, end, "embedding")
            for span in self._stillness.within(start_s, end_s)
            for start, end in without(span, by_motion)
            if end - start >= self._shortest_s - ROUNDING_S and not self._activity.is_usual(start, end)
        ]
        idle = tuple(sorted((*level.idle, *by_embedding), key=lambda span: span.t_start_s))
        return ActivityLevel(level.moving_share, level.head_widths_s, idle)

    def forget_before(self, t_s: float) -> None:
        """Drop what no later stretch needs: none begins before ``t_s``."""
        self._activity.forget_before(t_s)
        self._stillness.forget_before(t_s)

    def snapshot(self) -> State:
        return {"activity": self._activity.snapshot(), "stillness": self._stillness.snapshot()}

    def restore(self, state: State) -> None:
        self._activity.restore(take(state, "activity", dict))
        self._stillness.restore(take(state, "stillness", dict))


def without(span: Span, others: list[Span]) -> list[Span]:
    """What is left of a span outside others, which are in order and do not overlap."""
    left, start_s = [], span[0]
    for other_start_s, other_end_s in others:
        left.append((start_s, min(span[1], other_start_s)))
        start_s = max(start_s, other_end_s)
    left.append((start_s, span[1]))
    return [(start, end) for start, end in left if end > start]
