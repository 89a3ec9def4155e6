"""A clip as a whole: its parts, and the actions of parts that overlap as those of one clip."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.annotators.context import (
    CLIP_ACTIONS_MAX,
    FRAMES_MAX,
    Context,
    actions_max_for,
    longest_answer_tokens,
)
from models.annotators.response.parse import RAW_CHARS_MAX
from models.annotators.response.schema import ACTIONS_MAX
from stream.annotation.clip_outcomes import FailedPart, in_segments, outcome_of
from stream.annotation.clip_parts import OVERLAP_S, ClipPart, joined_actions, parts_of, parts_of_clip
from stream.pipeline.facts import SegmentClosed
from stream.records.schema.annotations import Action, Ecot
from stream.records.schema.events import SegmentAnnotated, SegmentFailed


def action(t_start_s: float, t_end_s: float, subtask: str = "") -> Action:
    """An action with this subtask; an idle one without."""
    ecot = Ecot(scene="", subtask=subtask, motion="", prediction="") if subtask else None
    return Action(
        action_id=1, t_start_s=t_start_s, t_end_s=t_end_s, active=ecot is not None, objects=(), ecot=ecot,
        segment_id="p0000", kind="unknown",
    )  # fmt: skip


def said(actions: list[Action]) -> list[tuple[float, float, str]]:
    return [(each.t_start_s, each.t_end_s, each.ecot.subtask if each.ecot else "") for each in actions]


def joined(*described: tuple[tuple[float, float], list[Action]]) -> list[tuple[float, float, str]]:
    """The joined actions of parts at these times."""
    parts = [(ClipPart(f"p{number}", *span), actions) for number, (span, actions) in enumerate(described)]
    return said(joined_actions(parts))


@given(st.floats(0.0, 100.0), st.floats(0.1, 5000.0), st.floats(4.0, 700.0))
def test_parts_cover_the_clip_and_overlap(start_s: float, length_s: float, longest_s: float) -> None:
    """From its first to its last time, none longer than allowed, each with the next in common for the whole overlap."""
    parts = parts_of(start_s, start_s + length_s, longest_s)
    assert (parts[0].t_start_s, parts[-1].t_end_s) == (start_s, start_s + length_s)
    assert all(0 < part.t_end_s - part.t_start_s <= longest_s + 0.002 for part in parts)
    overlap_s = min(OVERLAP_S, longest_s / 4)
    assert all(abs(one.t_end_s - next_.t_start_s - overlap_s) < 0.002 for one, next_ in pairwise(parts))
    assert (len(parts) == 1) == (length_s <= longest_s * (1 + 1e-9)) or math.isclose(length_s, longest_s)
    assert [part.part_id for part in parts] == [f"p{number:04}" for number in range(len(parts))]


def test_one_part_stays_as_it_is() -> None:
    actions = [action(0.0, 7.0, "a"), action(9.0, 30.0)]
    assert joined(((0.0, 30.0), actions)) == said(actions)


def test_parts_change_over_at_the_edge_nearest_to_the_middle() -> None:
    """At 26 s, where the second part has an edge: the first part's last action and what follows there are cut off."""
    first = [action(0.0, 21.0, "a"), action(21.0, 27.5, "b"), action(27.5, 30.0, "c")]
    second = [action(20.0, 26.0, "B"), action(26.0, 50.0, "C")]
    assert joined(((0.0, 30.0), first), ((20.0, 50.0), second)) == [
        (0.0, 21.0, "a"), (21.0, 26.0, "b"), (26.0, 50.0, "C"),
    ]  # fmt: skip


def test_edges_where_a_part_is_cut_do_not_count() -> None:
    """What begins within a second of a part's start, or ends within one of its end, may be cut by the part alone."""
    first = [action(0.0, 29.5, "a")]
    second = [action(20.4, 50.0, "A")]
    assert joined(((0.0, 30.0), first), ((20.0, 50.0), second)) == [(0.0, 50.0, "a")]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("long", "short", [(0.0, 40.0, "long")]),
        ("", "", [(0.0, 40.0, "")]),
        ("busy", "", [(0.0, 25.0, "busy"), (25.0, 40.0, "")]),
    ],
)
def test_an_action_over_the_whole_overlap_is_one(first: str, second: str, expected: list[object]) -> None:
    """Both active or both idle: one action, with the words of the longer part; otherwise it changes in the middle."""
    parts = ((0.0, 30.0), [action(0.0, 30.0, first)]), ((20.0, 40.0), [action(20.0, 40.0, second)])
    assert joined(*parts) == expected


def test_what_only_the_other_part_says_stays() -> None:
    """The change-over is at 25 s: the first part says nothing of 22 to 25 s, and the second one nothing from 25 s."""
    first = [action(0.0, 22.0, "a"), action(25.0, 30.0, "b")]
    second = [action(21.0, 25.0, "A"), action(30.5, 50.0, "C")]
    assert joined(((0.0, 30.0), first), ((20.0, 50.0), second)) == [
        (0.0, 22.0, "a"), (22.0, 25.0, "A"), (25.0, 30.0, "b"), (30.5, 50.0, "C"),
    ]  # fmt: skip


def test_less_than_a_second_that_only_the_other_part_says_goes() -> None:
    """The two parts see the same edge at two times."""
    parts = ((0.0, 30.0), [action(0.0, 24.2, "a")]), ((20.0, 50.0), [action(20.0, 25.0, "A"), action(25.0, 50.0, "B")])
    assert joined(*parts) == [(0.0, 24.2, "a"), (25.0, 50.0, "B")]


@given(st.lists(st.tuples(st.floats(0.5, 90.0), st.booleans()), min_size=1, max_size=8), st.floats(8.0, 60.0))
def test_no_part_has_a_gap_in_it(lengths: list[tuple[float, bool]], longest_s: float) -> None:
    """Segments, some of them after a gap of 3 s: parts cover them all, are numbered, and lie in what is connected."""
    spans, end_s = list[tuple[float, float]](), 0.0
    for length_s, is_after_gap in lengths:
        start_s = end_s + 3.0 * is_after_gap
        end_s = start_s + length_s
        spans.append((start_s, end_s))
    parts = parts_of_clip(spans, longest_s)
    assert [part.part_id for part in parts] == [f"p{number:04}" for number in range(len(parts))]
    gaps = [(one[1], other[0]) for one, other in pairwise(spans) if one[1] < other[0]]
    assert all(part.t_end_s <= start_s or part.t_start_s >= end_s for part in parts for start_s, end_s in gaps)
    for start_s, end_s in spans:
        assert all(
            any(part.t_start_s <= t_s <= part.t_end_s for part in parts)
            for t_s in (start_s, (start_s + end_s) / 2, end_s)
        )


def test_a_part_that_failed_leaves_a_gap() -> None:
    """The parts beside it share no time, and keep all they said."""
    parts = ((0.0, 30.0), [action(0.0, 30.0, "a")]), ((40.0, 70.0), [action(40.0, 70.0, "b")])
    assert joined(*parts) == [(0.0, 30.0, "a"), (40.0, 70.0, "b")]


@st.composite
def _described(draw: st.DrawFn) -> list[tuple[ClipPart, list[Action]]]:
    parts = parts_of(0.0, draw(st.floats(30.0, 400.0)), 60.0)
    described = []
    for part in parts:
        length_ds = int((part.t_end_s - part.t_start_s) * 10)
        edges = sorted(draw(st.sets(st.integers(0, length_ds), min_size=2, max_size=8)))
        actions = [
            action(part.t_start_s + a / 10, part.t_start_s + b / 10, draw(st.sampled_from(["", "x", "y"])))
            for a, b in pairwise(edges)
        ]
        described.append((part, actions))
    return described


@pytest.mark.slow
@given(_described())
def test_joined_actions_are_in_order_and_nothing_is_invented(described: list[tuple[ClipPart, list[Action]]]) -> None:
    """Disjoint, within the clip, and at every time only what a part said of it, active or idle."""
    actions = joined_actions(described)
    assert all(one.t_end_s <= next_.t_start_s for one, next_ in pairwise(actions))
    for each in actions:
        middle_s = (each.t_start_s + each.t_end_s) / 2
        there = [own for _, of_part in described for own in of_part if own.t_start_s <= middle_s <= own.t_end_s]
        assert each.active in {own.active for own in there}
    covered = [own for _, of_part in described for own in of_part]
    assert (
        sum(each.t_end_s - each.t_start_s for each in actions)
        <= sum(each.t_end_s - each.t_start_s for each in covered) + 1e-6
    )


SEGMENTS = [
    SegmentClosed("s0000", 0.0, 10.0, "typical", "max_duration", 10.0, 5),
    SegmentClosed("s0001", 10.0, 12.0, "anomalous", "state_change", 12.0, 2),
    SegmentClosed("s0002", 12.0, 30.0, "typical", "end_of_stream", 30.0, 9),
]


def test_an_action_names_all_its_segments() -> None:
    """First the one in which most of it lies, whose kind it has; one that stays in a segment names no others."""
    found, alone = (in_segments(action(*span, "a"), SEGMENTS) for span in ((9.0, 20.0), (10.0, 12.0)))
    assert found is not None
    assert alone is not None
    assert (found.segment_id, found.segment_ids, found.kind) == ("s0002", ("s0000", "s0001", "s0002"), "typical")
    assert found.segments == found.segment_ids
    assert (alone.segment_id, alone.segment_ids, alone.segments) == ("s0001", (), ("s0001",))
    assert "segment_ids" not in alone.model_dump_json()
    assert in_segments(action(30.0, 31.0, "a"), SEGMENTS) is None


def test_the_outcome_of_a_segment_follows_from_the_actions_in_it() -> None:
    actions = [action(0.0, 8.0, "a"), action(9.0, 11.0, "b"), action(13.0, 30.0)]
    whole = [ClipPart("p0000", 0.0, 30.0)]
    first, second, third = (outcome_of(segment, "m", actions, whole, []) for segment in SEGMENTS)
    assert isinstance(first, SegmentAnnotated)
    assert isinstance(second, SegmentAnnotated)
    assert isinstance(third, SegmentAnnotated)
    assert [(each.actions, each.subtasks, each.uncovered_s) for each in (first, second, third)] == [
        (2, ("a", "b"), 1.0), (1, ("b",), 1.0), (1, (), 1.0),
    ]  # fmt: skip
    assert {each.tokens_in for each in (first, second, third)} == {0}


def test_a_segment_of_a_failed_part_has_failed_unless_another_part_has_its_time() -> None:
    parts = [ClipPart("p0000", 0.0, 12.0), ClipPart("p0001", 11.0, 30.0)]
    outcomes = [outcome_of(each, "m", [], parts[:1], [FailedPart(parts[1], "no answer")]) for each in SEGMENTS]
    assert [type(each) for each in outcomes] == [SegmentAnnotated, SegmentAnnotated, SegmentFailed]
    assert isinstance(outcomes[2], SegmentFailed)
    assert outcomes[2].reason == "part p0001 of the clip could not be described: no answer"


def test_the_frames_that_fit_follow_from_the_context() -> None:
    """With one more, frames, words and the longest answer would exceed it; one that is too small has room for none."""
    for tokens in (16_384, 32_768, 65_536, 131_072):
        context = Context(tokens)
        frames = context.frames_max()
        needed = [1024 + count * 272 + longest_answer_tokens(count) for count in (frames, frames + 1)]
        assert needed[0] <= tokens < needed[1]
    assert Context(8192).frames_max() == 0
    assert Context(10_000_000).frames_max() == FRAMES_MAX
    assert Context(32_768).frames_max(fps=0.5) < Context(32_768).frames_max()


def test_an_answer_for_a_long_part_has_room_for_more_actions() -> None:
    """As many as a segment at least, and the longest answer is one that the parser reads."""
    assert [actions_max_for(seconds) for seconds in (1.0, 60.0, 100.0, 700.0)] == [
        ACTIONS_MAX, 12, 20, CLIP_ACTIONS_MAX,
    ]  # fmt: skip
    assert longest_answer_tokens(FRAMES_MAX) < RAW_CHARS_MAX
