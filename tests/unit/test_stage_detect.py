"""The detect stage: everything passes, and the time line is cut without gap or overlap."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.detection.options import DetectorOptions
from stream.pipeline.facts import SegmentClosed, SegmentOpened, SourceDamaged
from stream.pipeline.items import Embedding, EncoderFrame, End, Item, Motion
from stream.pipeline.stage import drive
from stream.stages.detect import Detect
from tests.support.properties import examples
from tests.support.windows import SHORT, WINDOW_S, assert_partition, closed, edges, embedding, end, keyframe, run, work


def test_segments_of_a_clip_with_one_anomaly() -> None:
    """Twenty seconds of other work become one anomalous segment; the edges are those of the work."""
    given_items = run([*work([0] * 25 + [1] * 20 + [0] * 20), end(66.2)])
    assert edges(given_items) == [
        (0.0, 25.0, "typical", "state_change"),
        (25.0, 45.0, "anomalous", "state_change"),
        (45.0, 66.2, "typical", "end_of_stream"),
    ]
    assert_partition(given_items, 66.2, 30)


def test_everything_passes_unchanged_and_in_order() -> None:
    """All items come out as they went in; a segment's end and the next one's start follow the window that tells."""
    items = [
        keyframe(0),
        *work([0] * 25 + [1] * 20 + [0] * 20),
        SourceDamaged(60, 61, "lost", 3),
        keyframe(61),
        end(66.2),
    ]
    given_items = run(items)
    assert [item for item in given_items if not isinstance(item, SegmentOpened | SegmentClosed)] == items
    assert isinstance(given_items[0], SegmentOpened)
    first_end = given_items.index(closed(given_items)[0])
    told_by = given_items[first_end - 1]
    assert isinstance(told_by, Embedding)
    assert closed(given_items)[0].detected_at_s == told_by.t_end_s
    assert isinstance(given_items[first_end + 1], SegmentOpened)
    assert isinstance(given_items[-1], End)


def test_a_segment_carries_what_was_measured_in_it() -> None:
    """Windows, mean and greatest score, and thresholds; the anomaly's scores lie above theta_on, the others below."""
    usual, other, _ = closed(run([*work([0] * 25 + [1] * 20 + [0] * 20), end(66.2)]))
    assert (usual.windows, other.windows) == (25, 20)
    assert usual.theta_on is not None
    assert usual.score_mean is not None
    assert other.score_mean is not None
    assert other.score_max is not None
    assert usual.score_mean < usual.theta_on < other.score_mean < other.score_max


def test_a_long_stretch_is_cut_where_the_work_changes() -> None:
    """The cut falls on the jump at 26 s, not on the limit of 30 s; a jump before the last quarter does not count."""
    halves = [*work([0] * 15 + [1] * 11 + [0] * 20)]
    options = DetectorOptions(warmup_s=100)
    assert edges(run([*halves, end(47.2)], options))[0] == (0.0, 26.0, "unknown", "max_duration")


def test_an_anomaly_that_is_about_to_end_is_not_cut() -> None:
    """The limit passes while the EMA still falls: the cut waits, and the true end is found instead."""
    options = DetectorOptions(warmup_s=10, settle_windows=5, max_segment_s=20)
    assert (40.0, 58.0, "anomalous", "state_change") in edges(
        run([*work([0] * 40 + [1] * 18 + [0] * 40), end(99)], options)
    )


def test_a_long_anomaly_is_cut_and_stays_anomalous() -> None:
    """Anomalous segments obey the longest length too."""
    given_items = run([*work([0] * 100 + [1] * 70 + [0] * 30), end(201)])
    kinds = [(s.t_start_s, s.kind, s.closed_by) for s in closed(given_items) if s.kind == "anomalous"]
    assert [closed_by for _, _, closed_by in kinds] == ["max_duration", "max_duration", "state_change"]
    assert kinds[0][0] == 100
    assert_partition(given_items, 201, 30)


def test_a_segment_that_ends_in_the_warm_up_is_unknown_however_late_it_is_cut() -> None:
    """The cut is known only when the warm-up is over; no window of the first segment was judged all the same."""
    options = DetectorOptions(warmup_s=30, max_segment_s=30)
    first, second, *_ = closed(run([*work([0] * 90), end(91)], options))
    assert first.t_end_s <= 30 < first.detected_at_s
    assert (first.kind, first.judged_from_s) == ("unknown", None)
    assert (second.kind, second.judged_from_s) == ("typical", 30.0)


def test_a_kind_that_was_judged_says_from_when() -> None:
    """With any length of warm-up and of segments; a stage that was restored says the same."""
    for warmup_s, longest_s in ((10, 7), (12, 30), (25, 12), (30, 30)):
        options = DetectorOptions(warmup_s=warmup_s, max_segment_s=longest_s, settle_windows=5)
        items = [*work([0] * 30 + [1] * 15 + [0] * 20), end(66.2)]
        segments = closed(run(items, options))
        assert all((each.kind == "unknown") == (each.judged_from_s is None) for each in segments)
        first, second = Detect(options), Detect(options)
        passed = [item for each in items[:40] for item in first.on_item(each)]
        second.restore(first.snapshot())
        assert closed([*passed, *drive(second, items[40:])]) == segments


@pytest.mark.parametrize("still_from_s", [5.6, 9.0, 13.2])
def test_windows_of_a_batch_tell_nothing_of_the_motion_after_them(still_from_s: float) -> None:
    """In whatever batches windows are encoded, segments have the same activity and the same idle stretches."""
    options = DetectorOptions(warmup_s=5, max_segment_s=7.5)
    windows = [each for each in work([0] * 40) if isinstance(each, Embedding)]
    motions = [Motion(i / 5, (i + 1) / 5, 0.3 if i / 5 < still_from_s else 0.0, 0.02) for i in range(205)]
    results = []
    for batch in (1, 4, 8):
        items: list[Item] = []
        for first in range(0, len(windows), batch):
            together = windows[first : first + batch]
            since_s = windows[first - 1].t_end_s if first else 0.0
            items += [each for each in motions if since_s < each.t_end_s <= together[-1].t_end_s]
            items += together
        results.append(closed(run([*items, end(41.1)], options)))
    assert results[0] == results[1] == results[2]
    assert sum(each.idle_s for each in results[0]) > 20


def test_a_cut_does_not_wait_for_ever() -> None:
    """Where the EMA stays between the thresholds, an edge may be near; still no segment is held beyond twice its
    longest length."""
    mixed = [np.eye(8)[0] + 0.35 * np.eye(8)[1]] * 60
    items = [*work([0] * 200), *(embedding(200 + i, 200.0 + i, vector) for i, vector in enumerate(mixed))]
    options = DetectorOptions(warmup_s=10, settle_windows=5, max_segment_s=10)
    segments = closed(run([*items, end(261)], options))
    waited_s = max(s.detected_at_s - s.t_start_s for s in segments)
    assert 15 < waited_s <= 20 + 1 + WINDOW_S


def test_a_clip_shorter_than_a_window_is_one_unscored_segment() -> None:
    """Pictures without any embedding: one segment of which nothing is known."""
    given_items = run([keyframe(0.0), keyframe(0.5), end(0.9)])
    assert closed(given_items) == [
        SegmentClosed("s0000", 0.0, 0.9, "unknown", "end_of_stream", detected_at_s=0.9, windows=0)
    ]


def test_a_stretch_without_windows_is_of_unknown_kind() -> None:
    """Where no window starts for longer than a segment may last, that is not called typical; after it, work is."""
    windows = [item for item in work([0] * 130) if isinstance(item, Embedding) and not 35 <= item.t_sample_s < 100]
    given_items = run([*windows, end(131)])
    assert [s.kind for s in closed(given_items)] == ["typical", "typical", "unknown", "typical", "typical"]
    assert_partition(given_items, 131, 30)
    (only,) = [s for s in closed(given_items) if s.kind == "unknown"]
    assert (only.score_mean, only.period_s, only.cycles) == (None, None, None)


def test_windows_that_show_nothing_judge_nothing() -> None:
    """Embeddings of zeros are windows of their segment, and leave its kind unknown."""
    blank = [
        replace(item, temporal=np.zeros_like(item.temporal)) for item in work([0] * 20) if isinstance(item, Embedding)
    ]
    (only,) = closed(run([*blank, end(21)]))
    assert (only.kind, only.windows, only.score_mean) == ("unknown", 20, None)


def test_a_long_anomaly_with_a_hole_is_unknown_there() -> None:
    """A piece of an anomaly without a window is not called anomalous either; before and after it the rest is."""
    windows_of = [item for item in work([0] * 40 + [1] * 100) if isinstance(item, Embedding)]
    windows = [item for item in windows_of if not 75 <= item.t_sample_s < 137]
    kinds = {s.kind for s in closed(run([*windows, end(141)])) if s.t_start_s >= 75 and s.t_end_s <= 137}
    assert kinds == {"unknown"}


def test_one_window_is_one_unscored_segment() -> None:
    """A single window has nothing to be compared with."""
    (only,) = closed(run([*work([0]), end(2.5)]))
    assert (only.windows, only.score_mean, only.theta_on) == (1, None, None)


@pytest.mark.parametrize("items", [[], [SourceDamaged(0, 3, "lost", 9)]])
def test_no_frame_no_segment(items: list[Item]) -> None:
    """A source that gave no frame gives no segment."""
    last = End("end_of_stream", 3.0, frames=0)
    assert run([*items, last]) == [*items, last]


def test_any_picture_opens_the_first_segment() -> None:
    """A frame opens it as a keyframe does, at 0, and only once."""
    frame = EncoderFrame(3, 0.1, 0.033, np.zeros((2, 2, 3), np.uint8))
    first, *rest = run([frame, frame, keyframe(0.2)])
    assert first == SegmentOpened("s0000", 0.0, "unknown", 0.1)
    assert rest == [frame, frame, keyframe(0.2)]


def test_a_stopped_run_leaves_its_segment_open() -> None:
    """A stopped run is resumable: its last segment is neither closed nor forgotten."""
    stage = Detect(SHORT)
    stopped = End("stopped", 20.0, frames=600)
    assert closed(drive(stage, [*work([0] * 20), stopped])) == []
    again = Detect(SHORT)
    again.restore(stage.snapshot())
    assert edges(drive(again, [end(21.0)])) == [(0.0, 21.0, "typical", "end_of_stream")]


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_a_bad_embedding_affects_neither_the_run_nor_the_reference(bad: float) -> None:
    """Zero, NaN and infinite embeddings count as windows, and the anomaly is found as without them."""
    items = work([0] * 25 + [1] * 20 + [0] * 20)
    for i in (0, 7, 30, 50):
        items[i] = embedding(i, float(i), [bad] * 8)
    given_items = run([*items, end(66.2)])
    assert [edge[:3] for edge in edges(given_items)] == [
        (0.0, 25.0, "typical"),
        (25.0, 45.0, "anomalous"),
        (45.0, 66.2, "typical"),
    ]
    assert sum(s.windows for s in closed(given_items)) == 65


stretches = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 30)), min_size=1, max_size=5)
strides = st.sampled_from([0.5, 1.0, 2.5])
longest = st.sampled_from([4.0, 12.0, 30.0])


@examples(150, fast=4)
@given(stretches, strides, longest, st.sets(st.integers(0, 149), max_size=50), st.data())
def test_any_stream_is_partitioned_and_can_be_resumed_anywhere(
    work_done: list[tuple[int, int]], stride_s: float, longest_s: float, lost: set[int], data: st.DataObject
) -> None:
    """Whatever work, stride, limit and lost windows: a partition of the time line, all windows counted once, and the
    same items from a run that was stopped and resumed after any item."""
    options = DetectorOptions(warmup_s=10, settle_windows=5, max_segment_s=longest_s)
    axes = [axis for axis, windows in work_done for _ in range(windows)]
    windows = [item for i, item in enumerate(work(axes, stride_s=stride_s)) if i not in lost]
    decoded_s = (len(axes) - 1) * stride_s + WINDOW_S
    items = [keyframe(0.0), *windows, end(decoded_s)]
    whole = run(items, options)
    assert_partition(whole, decoded_s, longest_s)
    assert sum(s.windows for s in closed(whole)) == len(windows)

    at = data.draw(st.integers(0, len(items) - 1))
    first, second = Detect(options), Detect(options)
    before = [out for item in items[:at] for out in first.on_item(item)]
    second.restore(first.snapshot())
    assert before + [out for item in items[at:] for out in second.on_item(item)] == whole


def test_a_snapshot_holds_plain_types_and_arrays_only() -> None:
    """What is written to disk is None, numbers, strings, lists, dicts and numpy arrays, in every state of the stage."""
    stage = Detect(SHORT)

    def assert_plain(state: object) -> None:
        if isinstance(state, dict | list):
            for part in state.values() if isinstance(state, dict) else state:
                assert_plain(part)
        else:
            assert type(state) in {type(None), int, float, str, np.ndarray}

    assert_plain(stage.snapshot())
    for item in work([0] * 25 + [1] * 20 + [0] * 20):
        list(stage.on_item(item))
        assert_plain(stage.snapshot())
