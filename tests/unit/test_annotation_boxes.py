"""Beside each box stands the keyframe that it is in."""

import json
from dataclasses import replace
from pathlib import Path

from stream.annotation.raw_responses import read_responses
from stream.records.schema.annotations import read_annotations
from stream.records.schema.layout import RunLayout
from tests.support.annotated import clip, options, play
from tests.support.fake_annotators import FakeAnnotator, answer_to


def test_each_box_has_its_keyframe(tmp_path: Path) -> None:
    """Beside a box stand the time of the keyframe that it is in, as that is named on disk, and the keyframe's size."""
    layout = RunLayout(tmp_path, "clip")
    play(layout, options(), FakeAnnotator(), clip(2))
    boxes = [thing for action in read_annotations(layout.annotations) for thing in action.objects]
    assert [thing.keyframe_t_s for thing in boxes] == [0.0, 5.0]
    assert {(thing.keyframe_width_px, thing.keyframe_height_px) for thing in boxes} == {(64, 36)}


def test_boxes_of_an_earlier_version_are_read(tmp_path: Path) -> None:
    """Raw responses without times of frames, and annotations without keyframes, remain readable."""
    layout = RunLayout(tmp_path, "clip")
    play(layout, options(), FakeAnnotator(lambda batch: [replace(answer_to(batch[0]), frame_times_s=())]), clip(1))
    raw = json.loads(layout.raw_responses.read_text())
    del raw["frame_times_s"]
    layout.raw_responses.write_text(json.dumps(raw) + "\n")
    assert [response.segment_id for response in read_responses(layout.raw_responses)] == ["s0000"]
    actions = json.loads(layout.annotations.read_text())
    for name in ("t_s", "width_px", "height_px"):
        del actions[0]["objects"][0][f"keyframe_{name}"]
    layout.annotations.write_text(json.dumps(actions))
    assert [thing.keyframe_t_s for thing in read_annotations(layout.annotations)[0].objects] == [None]
