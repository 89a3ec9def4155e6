"""Repairs and uncovered stretches are in the event and in the accounting."""

import json
from pathlib import Path

from models.annotators.annotator import AnnotationRequest
from stream.records.schema import events
from stream.records.schema.layout import RunLayout
from tests.support.annotated import clip, of_kind, options, play
from tests.support.fake_annotators import FakeAnnotator, answer_to, words_for


def _flawed(request: AnnotationRequest) -> str:
    """An answer with swapped times that leaves the second half open, and a box beyond the picture."""
    answer = json.loads(words_for(request))
    action = answer["actions"][0]
    action["start_ds"], action["end_ds"] = action["end_ds"], 1
    action["objects"][0]["bbox"] = [1, 2, 30, 99]
    answer["actions"] = [action]
    return json.dumps(answer)


def test_event_lists_repairs_and_books_count_what_is_uncovered(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path, "clip")
    play(layout, options(), FakeAnnotator(lambda batch: [answer_to(each, _flawed(each)) for each in batch]), clip(2))
    annotated = of_kind(layout, events.SegmentAnnotated)
    assert [event.uncovered_s for event in annotated] == [2.6, 2.6]
    assert annotated[0].repairs == (
        "action 1, object 1: its box was rounded or clamped to the picture",
        "action 1: its times were swapped",
    )
    (finish,) = of_kind(layout, events.RunFinished)
    assert (finish.annotated_s, finish.uncovered_s, finish.decoded_s) == (10.0, 5.2, 10.0)


def test_repairs_in_an_event_are_bounded(tmp_path: Path) -> None:
    """Of a hostile answer with thousands of bad objects some are named, and the number of the others."""
    layout = RunLayout(tmp_path, "clip")

    def hostile(request: AnnotationRequest) -> str:
        answer = json.loads(words_for(request))
        answer["actions"][0]["objects"] = ["\x1b[2J"] * 3000
        return json.dumps(answer)

    play(layout, options(), FakeAnnotator(lambda batch: [answer_to(each, hostile(each)) for each in batch]), clip(1))
    (annotated,) = of_kind(layout, events.SegmentAnnotated)
    assert len(annotated.repairs) == 51
    assert annotated.repairs[-1] == "and 2950 more"
    assert all(repair.isprintable() and len(repair) <= 160 for repair in annotated.repairs)
