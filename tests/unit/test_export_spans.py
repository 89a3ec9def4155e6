"""Spans and boxes of an episode, in units of a format."""

from typing import Literal, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.dataset.boxes import frame_boxes
from exporters.dataset.episode import Box, Episode, EpisodeAction
from exporters.dataset.spans import action_spans
from exporters.formats.eaf import tiers
from exporters.formats.labelstudio import INTERFACE
from exporters.formats.rerun import COLORS, LaneChange, lanes
from stream.pipeline.facts import SegmentKind
from tests.support.episodes import data_set, episode, run_facts

times = st.lists(st.tuples(st.floats(0.0, 2.0), st.floats(0.0, 2.0)), max_size=8)


def with_actions(*spans: tuple[float, float], active: bool = True) -> Episode:
    actions = [EpisodeAction(t_start_s=start, t_end_s=end, active=active, subtask="turn") for start, end in spans]
    return episode(actions=tuple(actions))


@given(times, st.sampled_from([20, 1000]))
def test_spans_are_in_order_not_empty_and_do_not_overlap(spans: list[tuple[float, float]], units_per_s: int) -> None:
    subject = with_actions(*spans)
    free = 0
    for span in action_spans(subject, units_per_s):
        assert free <= span.start < span.stop <= subject.duration_s * units_per_s
        free = span.stop


def test_actions_that_touch_share_no_frame() -> None:
    spans = [(span.start, span.stop) for span in action_spans(with_actions((0.0, 0.51), (0.51, 2.0)), 20)]
    assert spans == [(0, 10), (10, 40)]


def test_an_action_shorter_than_a_frame_is_left_out() -> None:
    assert [span.start for span in action_spans(with_actions((0.5, 0.51), (1.0, 2.0)), 20)] == [20]


def test_the_text_of_an_idle_action_says_so() -> None:
    assert [span.text for span in action_spans(with_actions((0.0, 1.0), active=False), 20)] == ["idle"]


def test_elan_has_no_annotation_for_objects_that_are_not_there() -> None:
    result = tiers(with_actions((0.0, 1.0)))
    assert (result["subtasks"], result["objects"]) == ([(0, 1000, "turn")], [])


def test_reruns_lanes_end_with_their_action_and_join_where_actions_touch() -> None:
    result = lanes(with_actions((0.0, 0.5), (0.5, 1.0), (1.5, 2.0)))
    assert result["kind"] == [LaneChange(0.0, "anomalous"), LaneChange(2.0, "")]
    assert result["subtask"] == [
        LaneChange(0.0, "turn"),
        LaneChange(0.5, "turn"),
        LaneChange(1.0, ""),
        LaneChange(1.5, "turn"),
        LaneChange(2.0, ""),
    ]


@pytest.mark.parametrize("kind", get_args(get_args(SegmentKind)[0]))
def test_every_kind_of_segment_is_a_label_of_the_interface_and_has_a_color(kind: str) -> None:
    assert f'<Label value="{kind}" ' in INTERFACE
    assert kind in COLORS


def boxed(
    *boxes: tuple[float, float, float, float],
    picture: Literal["rectified", "raw"] = "rectified",
    keyframes: str = "rectified",
) -> list[tuple[float, ...]]:
    """Boxes of keyframes of 200x100 on frames of 100x50."""
    objects = tuple(Box(name="nut", rigid=True, xyxy=box, width_px=200, height_px=100) for box in boxes)
    action = EpisodeAction(t_start_s=0.5, t_end_s=1.0, active=True, objects=objects)
    subject = episode(actions=(action,))
    run = run_facts(lens={"picture": picture, "keyframes": keyframes})
    holding = data_set([subject], [run], picture=picture)
    found = frame_boxes(holding, holding.rows[0])
    return [(box.frame, box.x1_px, box.y1_px, box.x2_px, box.y2_px) for box in found]


def test_a_box_is_in_pixels_of_the_frame_at_which_its_action_begins() -> None:
    assert boxed((20, 40, 60, 80)) == [(10, 10.0, 20.0, 30.0, 40.0)]


def test_a_box_is_on_the_frame_of_its_keyframe() -> None:
    box = Box(name="nut", rigid=True, xyxy=(0, 0, 9, 9), width_px=200, height_px=100, t_s=0.75)
    action = EpisodeAction(t_start_s=0.5, t_end_s=1.0, active=True, objects=(box,))
    holding = data_set([episode(actions=(action,))], [run_facts()])
    assert [found.frame for found in frame_boxes(holding, holding.rows[0])] == [15]


@pytest.mark.parametrize(
    ("box", "cut"),
    [
        ((-20, 40, 60, 180), [(10, 0.0, 20.0, 30.0, 50.0)]),
        ((220, 40, 260, 80), []),
        ((60, 40, 20, 80), []),
    ],
)
def test_a_box_is_cut_at_the_pictures_edges(box: tuple[float, float, float, float], cut: list[object]) -> None:
    assert boxed(box) == cut


@pytest.mark.parametrize(("picture", "keyframes", "count"), [("raw", "rectified", 0), ("raw", "raw", 1)])
def test_a_box_of_a_rectified_keyframe_is_on_no_recorded_picture(
    picture: Literal["rectified", "raw"], keyframes: str, count: int
) -> None:
    assert len(boxed((20, 40, 60, 80), picture=picture, keyframes=keyframes)) == count
