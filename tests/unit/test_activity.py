"""The activity of a stretch, and where nothing moves for long: what is found online equals the definition."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.detection.activity import HEAD_STILL_WIDTHS_S, STILL_WINDOW_S, ActivityTracker
from stream.detection.options import DetectorOptions
from stream.pipeline.codec import pack, unpack
from stream.pipeline.facts import IdleSpan
from stream.pipeline.items import Motion

OPTIONS = DetectorOptions()
HZ = 5


def motions(shares: Sequence[float | None], head: float = 0.02) -> list[Motion]:
    return [Motion(i / HZ, (i + 1) / HZ, share, head) for i, share in enumerate(shares)]


def tracked(samples: list[Motion], options: DetectorOptions = OPTIONS) -> ActivityTracker:
    tracker = ActivityTracker(options)
    for sample in samples:
        tracker.add(sample)
    return tracker


def idle(samples: list[Motion], until_s: float = 1e6) -> list[tuple[float, float]]:
    return [(round(s.t_start_s, 3), round(s.t_end_s, 3)) for s in tracked(samples).level(0.0, until_s).idle]


def expected(samples: list[Motion], options: DetectorOptions) -> list[tuple[float, float]]:
    """The definition, over all samples at once: the union of still windows, as far as it is long."""
    merged: list[list[float]] = []
    for last in range(len(samples)):
        window = [m for m in samples[: last + 1] if m.t_start_s > samples[last].t_end_s - STILL_WINDOW_S - 1e-4]
        covers = abs(sum(m.t_end_s - m.t_start_s for m in window) - STILL_WINDOW_S) < 1e-4
        if not covers or any(m.moving_share is None for m in window):
            continue
        share = np.mean([m.moving_share for m in window if m.moving_share is not None])
        head = np.mean([m.head_widths_s for m in window])
        if share > options.idle_threshold + 1e-12 or head > HEAD_STILL_WIDTHS_S:
            continue
        span = [window[0].t_start_s, window[-1].t_end_s]
        if merged and span[0] <= merged[-1][1] + 1e-4:
            merged[-1][1] = span[1]
        else:
            merged.append(span)
    return [(round(a, 3), round(b, 3)) for a, b in merged if b - a >= options.idle_after_s - 1e-6]


def test_a_long_still_stretch_is_idle_to_the_sample() -> None:
    assert idle(motions([0.3] * 20 + [0.0] * 30 + [0.3] * 20)) == [(4.0, 10.0)]


def test_a_short_one_is_not() -> None:
    assert idle(motions([0.3] * 20 + [0.0] * 24 + [0.3] * 20)) == []


@pytest.mark.parametrize(
    ("samples", "why"),
    [
        (motions([0.0] * 60, head=0.3), "the wearer walks or looks around"),
        (motions([None] * 60), "nothing could be measured"),
        (motions([0.05] * 60), "hands work"),
    ],
)
def test_what_is_not_idle(samples: list[Motion], why: str) -> None:
    assert idle(samples) == [], why


def test_an_idle_stretch_is_shared_by_the_segments_that_it_spans() -> None:
    tracker = tracked(motions([0.0] * 100))
    first = tracker.level(0.0, 8.0)
    tracker.forget_before(8.0)
    assert [*first.idle, *tracker.level(8.0, 20.0).idle] == [IdleSpan(0.0, 8.0), IdleSpan(8.0, 20.0)]


def test_a_hole_ends_a_stretch() -> None:
    samples = motions([0.0] * 20)
    later = [Motion(m.t_start_s + 6.0, m.t_end_s + 6.0, 0.0, 0.02) for m in samples]
    assert idle([*samples, *later]) == []


def test_activity_is_the_mean_and_unknown_without_a_measurement() -> None:
    level = tracked(motions([0.2, 0.4, None])).level(0.0, 1.0)
    assert level.moving_share == pytest.approx(0.3)
    assert level.head_widths_s == pytest.approx(0.02)
    nothing = tracked([]).level(0.0, 1.0)
    assert (nothing.moving_share, nothing.head_widths_s, nothing.idle) == (None, None, ())


@pytest.mark.slow
@given(
    runs=st.lists(
        st.tuples(st.sampled_from([0.0, 0.0041, 0.0233, 0.3, None]), st.integers(1, 40), st.sampled_from([0.02, 0.3])),
        min_size=1,
        max_size=10,
    ),
    cut=st.integers(0, 200),
)
def test_online_equals_the_definition_also_when_restored(runs: list[tuple[float | None, int, float]], cut: int) -> None:
    rows = [(share, head) for share, length, head in runs for _ in range(length)]
    samples = [Motion(i / HZ, (i + 1) / HZ, share, head) for i, (share, head) in enumerate(rows)]
    first = tracked(samples[:cut])
    second = ActivityTracker(OPTIONS)
    second.restore(unpack(pack(first.snapshot())))
    for sample in samples[cut:]:
        second.add(sample)
    assert second.level(0.0, 1e6) == tracked(samples).level(0.0, 1e6)
    assert idle(samples) == expected(samples, OPTIONS)
