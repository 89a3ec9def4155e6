"""Two signals of idle time, one word: motion counts where it says so, embeddings add the rest."""

import numpy as np

from stream.detection.idle import IdleTracker, without
from stream.detection.options import DetectorOptions
from stream.pipeline.codec import pack, unpack
from stream.pipeline.facts import IdleSpan
from stream.pipeline.items import Motion
from tests.unit.test_detection_stillness import sketches

HZ = 5


def tracked(kinds: list[str], shares: list[float]) -> IdleTracker:
    """Windows of these kinds, one a second, with the share of the picture that moves in each second, if measured."""
    tracker = IdleTracker(DetectorOptions(), (0.0, 1.0))
    for t, row in enumerate(sketches(kinds)):
        for i in range(HZ if shares else 0):
            tracker.motion(Motion(t + i / HZ, t + (i + 1) / HZ, shares[t], 0.02))
        tracker.window(float(t), row)
    return tracker


def idle(kinds: list[str], shares: list[float]) -> list[tuple[int, int, str]]:
    spans = tracked(kinds, shares).level(0.0, float(len(kinds)), float(len(kinds))).idle
    return [(round(span.t_start_s), round(span.t_end_s), span.signal) for span in spans]


KINDS = ["work"] * 60 + ["rest"] * 30 + ["work"] * 30


def test_without_motion_embeddings_say_it() -> None:
    ((start_s, end_s, signal),) = idle(KINDS, [])
    assert (abs(start_s - 60) <= 2, abs(end_s - 90) <= 2, signal) == (True, True, "embedding")


def test_motion_counts_as_it_is_and_embeddings_for_the_rest() -> None:
    """Hands rest for 30 s; for the last 18 of them a little moves behind them, which motion does not call idle."""
    shares = [0.3] * 60 + [0.0] * 12 + [0.04] * 18 + [0.3] * 30
    first, second = idle(KINDS, shares)
    assert first == (60, 72, "motion")
    assert (second[0], abs(second[1] - 90) <= 2, second[2]) == (72, True, "embedding")


def test_as_much_motion_as_at_work_is_not_idle() -> None:
    """The embeddings hardly change, but hands move as they always do: quiet work."""
    assert idle(KINDS, [0.3] * 120) == []


def test_a_restored_tracker_says_the_same() -> None:
    shares = [0.3] * 60 + [0.0] * 12 + [0.04] * 18 + [0.3] * 30
    tracker, again = tracked(KINDS, shares), IdleTracker(DetectorOptions(), (0.0, 1.0))
    again.restore(unpack(pack(tracker.snapshot())))
    assert again.level(0.0, 120.0, 120.0) == tracker.level(0.0, 120.0, 120.0)


def test_idle_time_of_a_segment_ends_with_it() -> None:
    """A stretch is shared by the segments that it spans."""
    tracker = tracked(KINDS, [])
    first = tracker.level(40.0, 75.0, 120.0).idle
    tracker.forget_before(75.0)
    second = tracker.level(75.0, 100.0, 120.0).idle
    assert [(span.t_end_s, span.signal) for span in first] == [(75.0, "embedding")]
    assert [span.t_start_s for span in second] == [75.0]


def test_what_is_left_of_a_span() -> None:
    assert without((0.0, 10.0), [(2.0, 3.0), (8.0, 12.0)]) == [(0.0, 2.0), (3.0, 8.0)]
    assert without((2.0, 3.0), [(0.0, 5.0)]) == []
    assert IdleSpan(0.0, 1.0).signal == "motion"
    assert np.isclose(sum(end - start for start, end in without((0.0, 9.0), [])), 9.0)
