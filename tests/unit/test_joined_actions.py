"""Actions that run over a cut of a long segment are one action, in whichever order segments are described."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from models.annotators.annotator import AnnotationResponse
from stream.pipeline.facts import ClosedBy, SegmentClosed
from stream.records.schema.action import Action, Ecot, SceneObject
from stream.records.schema.annotations import AnnotationsFile, numbered, read_annotations, write_annotations
from stream.records.schema.events import SegmentAnnotated
from stream.records.schema.joined_actions import joined_at, without_segment
from stream.records.schema.layout import RunLayout
from stream.records.store.event_log import read_events
from tests.support.annotated import end, options, play, segment
from tests.support.fake_annotators import Batch, FakeAnnotator, answer_to


def action(t_start_s: float, t_end_s: float, subtask: str, *segments: str, kind: str = "typical") -> Action:
    """An action with a box in the keyframe that it starts with; an idle one without a subtask."""
    ecot = Ecot(scene=f"at {t_start_s}", subtask=subtask, motion="", prediction="") if subtask else None
    box = SceneObject(object_name="screw", bbox=(1, 2, 3, 4), rigid=True, keyframe_t_s=t_start_s)
    return Action(
        action_id=1, t_start_s=t_start_s, t_end_s=t_end_s, active=ecot is not None, objects=(box,) if ecot else (),
        ecot=ecot, segment_id=segments[0], segment_ids=segments if len(segments) > 1 else (), kind=kind,  # type: ignore[arg-type]  # one of the kinds
    )  # fmt: skip


def said(actions: Sequence[Action]) -> list[tuple[float, float, str, tuple[str, ...]]]:
    return [(each.t_start_s, each.t_end_s, each.ecot.subtask if each.ecot else "", each.segments) for each in actions]


def test_two_that_touch_at_a_cut_are_one() -> None:
    """With the words of the first, the objects of both, and both segments."""
    (one,) = joined_at([action(0.0, 5.0, "turn the screw", "a"), action(5.0, 9.0, "Turn  the screw", "b")], 5.0)
    assert said([one]) == [(0.0, 9.0, "turn the screw", ("a", "b"))]
    assert one.segment_id == "a"
    assert one.ecot is not None
    assert one.ecot.scene == "at 0.0"
    assert [each.keyframe_t_s for each in one.objects] == [0.0, 5.0]
    idle = joined_at([action(0.0, 5.0, "", "a"), action(5.0, 9.0, "", "b")], 5.0)
    assert said(idle) == [(0.0, 9.0, "", ("a", "b"))]


@pytest.mark.parametrize(
    "other",
    [
        action(5.0, 9.0, "place the screw", "b"),
        action(5.0, 9.0, "", "b"),
        action(5.1, 9.0, "turn the screw", "b"),
        action(5.0, 9.0, "turn the screw", "b", kind="anomalous"),
    ],
)
def test_what_differs_or_does_not_touch_stays_apart(other: Action) -> None:
    actions = [action(0.0, 5.0, "turn the screw", "a"), other]
    assert joined_at(actions, 5.0) == actions


def test_a_segment_is_taken_out_of_an_action() -> None:
    """The parts before and after it stay, each with the objects of its own keyframes."""
    first = joined_at([action(0.0, 5.0, "turn", "a"), action(5.0, 9.0, "turn", "b")], 5.0)
    whole = joined_at([*first, action(9.0, 12.0, "turn", "c")], 9.0)
    rest = without_segment(whole, "b", 5.0, 9.0)
    assert said(rest) == [(0.0, 5.0, "turn", ("a",)), (9.0, 12.0, "turn", ("c",))]
    assert [[each.keyframe_t_s for each in action.objects] for action in rest] == [[0.0], [9.0]]
    assert without_segment(rest, "a", 0.0, 5.0) == rest[1:]


SUBTASKS = ("turn", "turn", "turn", "place", "", "", "turn", "turn")
"""Of the segments of 5 s that follow one another; all but the fifth are cut from the next one."""


def put(file: AnnotationsFile, number: int) -> None:
    start_s = number * 5.0
    actions = [action(start_s, start_s + 5.0, SUBTASKS[number], f"s{number}")]
    is_cut = [place not in (-1, 4) for place in (number - 1, number)]
    file.put(f"s{number}", actions, (start_s, start_s + 5.0), is_cut_before=is_cut[0], is_cut_after=is_cut[1])


@pytest.mark.parametrize("seed", range(20))
def test_the_order_does_not_matter(tmp_path: Path, seed: int) -> None:
    """Nor does it that segments are put again, as after a kill, or by another process."""
    order = random.Random(seed).sample(range(8), 8)
    path = tmp_path / "a.json"
    file = AnnotationsFile(path)
    for number in order:
        put(file, number)
    expected = [
        (0.0, 15.0, "turn", ("s0", "s1", "s2")),
        (15.0, 20.0, "place", ("s3",)),
        (20.0, 25.0, "", ("s4",)),
        (25.0, 30.0, "", ("s5",)),
        (30.0, 40.0, "turn", ("s6", "s7")),
    ]
    written = path.read_bytes()
    assert said(read_annotations(path)) == expected
    for number in order:
        put(AnnotationsFile(path), number)
        assert path.read_bytes() == written


def test_numbers_follow_the_joined_actions(tmp_path: Path) -> None:
    file = AnnotationsFile(tmp_path / "a.json")
    for number in range(8):
        put(file, number)
    actions = read_annotations(tmp_path / "a.json")
    assert actions == numbered(actions)
    assert all(one.t_end_s <= other.t_start_s for one, other in pairwise(actions))


@pytest.mark.parametrize(("closed_by", "expected"), [("max_duration", 1), ("state_change", 3)])
def test_a_run_joins_what_the_longest_duration_has_cut(tmp_path: Path, closed_by: ClosedBy, expected: int) -> None:
    """Three idle segments are one action if they were cut, and three if the detector saw a change."""

    def idles(batch: Batch) -> Iterator[AnnotationResponse]:
        for request in batch:
            content = json.loads(answer_to(request).raw)
            content["actions"] = [{**content["actions"][1], "start_ds": 0}]
            yield answer_to(request, json.dumps(content))

    items = [
        replace(item, closed_by=closed_by) if isinstance(item, SegmentClosed) else item
        for number in range(3)
        for item in segment(number)
    ]
    layout = RunLayout(tmp_path, "clip")
    write_annotations(layout.annotations, [])
    play(layout, options(), FakeAnnotator(idles), [*items, end(3)])
    actions = read_annotations(layout.annotations)
    assert len(actions) == expected
    assert [name for each in actions for name in each.segments] == ["s0000", "s0001", "s0002"]
    assert (actions[0].t_start_s, actions[-1].t_end_s) == (0.0, 15.0)
    outcomes = [event for event in read_events(layout.events) if isinstance(event, SegmentAnnotated)]
    assert [event.uncovered_s for event in outcomes] == [0.0, 0.0, 0.0]
