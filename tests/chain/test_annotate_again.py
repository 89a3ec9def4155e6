"""``annotate --again``: a run is described again, in an annotation of its own beside the earlier ones."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from models.annotators.annotator import AnnotationResponse
from models.errors import ModelUnavailableError
from stream.errors import InputError, UsageError
from stream.records import open_run
from stream.records.accounting import account
from stream.records.run_annotations import annotations_in, events_of
from stream.records.schema import events
from stream.records.schema.annotations import read_annotations
from stream.records.schema.layout import RunLayout
from stream.records.schema.manifest import read_manifest
from stream.records.store.event_log import finish_of
from stream.run.annotate import annotate_run
from stream.run.chosen_annotation import Wish
from tests.support.annotate_later import (
    ALL,
    SEGMENTS,
    FakeLoaded,
    again,
    annotate,
    finished_run,
    named,
    plain_view,
)
from tests.support.annotated import SECONDS
from tests.support.annotated import events_of as recorded
from tests.support.fake_annotators import Batch, FakeAnnotator, answer_to

KEPT = {"annotator.url": "http://localhost:1/v1", "annotator.model": "first-7b", "keyframes.keep": True}


@pytest.fixture
def layout(tmp_path: Path) -> RunLayout:
    """A finished run that ``first-7b`` has described, with its keyframes."""
    return finished_run(tmp_path, FakeAnnotator(), KEPT)


def says(word: str) -> FakeAnnotator:
    """An annotator whose every subtask is this word."""

    def answers(batch: Batch) -> Iterator[AnnotationResponse]:
        for request in batch:
            content = json.loads(answer_to(request).raw)
            content["actions"][0]["ecot"]["subtask"] = word
            yield answer_to(request, json.dumps(content))

    return FakeAnnotator(answers)


def subtasks(layout: RunLayout, annotation: str | None = None) -> set[str]:
    """The subtasks of an annotation, as a reader gets them."""
    return {action.ecot.subtask for action in open_run(layout.root, annotation).actions() if action.ecot}


def test_another_model_has_an_annotation_of_its_own(layout: RunLayout) -> None:
    """The first one's file and outcomes stay as they were; the new one is the default; each is chosen by its name."""
    first = layout.annotations.read_bytes()
    again(layout, named("second-3b"), says("second"))
    found = annotations_in(recorded(layout))
    assert [(each.name, each.recorded_name, each.is_default) for each in found] == [
        ("first-7b", "", False),
        ("second-3b", "second-3b", True),
    ]
    assert (layout.root / "annotations" / "first-7b.json").read_bytes() == first
    new = (layout.root / "annotations" / "second-3b.json").read_bytes()
    assert layout.annotations.read_bytes() == new != first
    assert subtasks(layout) == subtasks(layout, "second-3b") == {"second"}
    assert subtasks(layout, "first-7b") == {f"work on {name}" for name in ALL}
    for name in ("first-7b", "second-3b"):
        assert sorted(open_run(layout.root, name).outcomes()) == ALL
    raw = (layout.root / "annotations" / "second-3b_raw_response.txt").read_text().splitlines()
    assert len(raw) == SEGMENTS
    assert [event.seq for event in recorded(layout)] == list(range(len(recorded(layout))))


def test_the_accounting_of_each_annotation_closes(layout: RunLayout) -> None:
    """``run.finished`` has the times and the cost of the annotation that it names, not their sum; so do others."""
    before = finish_of(layout.events)
    again(layout, named("second-3b", {"annotator.segments": "anomalous", "annotator.price_in": 1.0}))
    after = finish_of(layout.events)
    assert before is not None
    assert after is not None
    assert (before.annotated_s, before.skipped_s, before.annotation.tokens_in) == (30.0, 0.0, 6000)
    assert (after.annotated_s, after.skipped_s, after.annotation.tokens_in) == (10.0, 20.0, 2000)
    assert (after.annotation_name, after.annotation.dollars) == ("second-3b", 0.002)
    for name, run_finished in (("", before), ("second-3b", after)):
        accounting = account(events_of(recorded(layout), name))
        assert (accounting.total_s, accounting.unsettled) == (before.decoded_s, ())
        assert accounting.annotation == run_finished.annotation
    (later,) = read_manifest(layout.manifest).annotated_later
    assert (later.annotation_name, later.annotator["model"]) == ("second-3b", "fake")


@pytest.mark.parametrize(
    "more", [{"annotator.task": "packing boxes"}, {"annotator.frames": 3}, {"annotator.hint": True}]
)
def test_another_option_is_another_annotation(layout: RunLayout, more: dict[str, object]) -> None:
    """The same model with another task, number of frames or hint gets the next free name, and all segments again."""
    fake = again(layout, named("first-7b", more))
    assert sum(map(len, fake.requests)) == SEGMENTS
    assert [each.name for each in annotations_in(recorded(layout))] == ["first-7b", "first-7b-2"]


def test_the_same_again_has_nothing_to_do(layout: RunLayout) -> None:
    """A series that is started again describes nothing twice, whichever annotation has the wanted options."""
    again(layout, named("second-3b"))
    again(layout, named("third"))
    before = layout.events.read_bytes()
    view, paper = plain_view()
    assert annotate_run(layout, named("third"), view, FakeLoaded(FakeAnnotator()), wish=Wish(again=True)) == 0
    assert layout.events.read_bytes() == before
    assert "is left to be described; another --annotation NAME describes them once more" in paper.getvalue()
    for model in ("first-7b", "second-3b"):
        assert again(layout, named(model)).requests == []
        assert finish_of(layout.events) is not None
        assert len(annotations_in(recorded(layout))) == 3
    assert subtasks(layout) == subtasks(layout, "second-3b")


def test_a_name_of_the_users_own(layout: RunLayout) -> None:
    """It may describe the same once more; with other options it is taken, and a name that is no file's is refused."""
    again(layout, named("first-7b"), says("once more"), "night-shift")
    assert subtasks(layout, "night-shift") == {"once more"}
    with pytest.raises(UsageError, match=r"an annotation night-shift with other options \(frames: 32 there, 8 now\)"):
        again(layout, named("first-7b", {"annotator.frames": 8}), name="night-shift")
    for name in ("../up", "", "a b", ".hidden", "x" * 65):
        with pytest.raises(UsageError, match="must be 1 to 64 letters"):
            Wish(again=True, name=name)
    with pytest.raises(InputError, match=r"has no annotation 'evening': it has first-7b, night-shift"):
        annotate_run(layout, {}, plain_view()[0], wish=Wish(name="evening"))
    with pytest.raises(InputError, match="has no annotation 'evening'"):
        open_run(layout.root, "evening")


def test_an_incomplete_annotation_hides_nothing_and_is_continued(layout: RunLayout) -> None:
    """Until every segment has an outcome, readers get the earlier one; the same call asks for the rest alone."""
    first = layout.annotations.read_bytes()

    def fails(batch: Batch) -> Iterator[AnnotationResponse]:
        if len(fake.requests) > 1:
            raise ModelUnavailableError("the server is away")
        yield from map(answer_to, batch)

    fake = FakeAnnotator(fails, batch_max=2)
    with pytest.raises(ModelUnavailableError, match="away"):
        again(layout, named("second-3b"), fake)
    last = recorded(layout)[-1]
    assert isinstance(last, events.RunFinished)
    assert (last.annotation_name, layout.annotations.read_bytes()) == ("", first)
    assert len(open_run(layout.root, "second-3b").outcomes()) == 2
    assert [each.is_complete for each in annotations_in(recorded(layout))] == [True, False]
    rest = again(layout, named("second-3b"))
    assert [request.segment_id for batch in rest.requests for request in batch] == ALL[2:]
    assert sorted(open_run(layout.root).outcomes()) == ALL
    started = [event for event in recorded(layout) if isinstance(event, events.AnnotationStarted)]
    assert len(started) == 1


def test_after_a_kill_at_any_event_the_same_bytes_result(layout: RunLayout) -> None:
    """The log is cut after each event of the second annotation, as a kill leaves it: actions and outcomes are equal."""
    begun = len(recorded(layout))
    again(layout, named("second-3b"))
    lines = layout.events.read_bytes().splitlines(keepends=True)
    whole = [_without_envelope(event) for event in recorded(layout)]
    actions = layout.annotations.read_bytes()
    assert len(lines) == begun + SEGMENTS + 2
    for kept in range(begun + 1, len(lines)):
        layout.events.write_bytes(b"".join(lines[:kept]))
        again(layout, named("second-3b"))
        assert sorted(map(str, map(_without_envelope, recorded(layout)))) == sorted(map(str, whole)), kept
        assert layout.annotations.read_bytes() == actions
        assert (layout.root / "annotations" / "second-3b.json").read_bytes() == actions
        raw = (layout.root / "annotations" / "second-3b_raw_response.txt").read_text().splitlines()
        assert len(raw) == SEGMENTS


def _without_envelope(event: events.Event) -> dict[str, Any]:
    return {name: value for name, value in asdict(event).items() if name not in ("seq", "time")}


def test_failed_segments_of_the_latest_are_asked_again_with_its_own_options(layout: RunLayout) -> None:
    """Without ``--again``, ``annotate`` continues the default annotation; another is named, and is then the default."""

    def fails(batch: Batch) -> list[AnnotationResponse]:
        return [answer_to(each, "nonsense" if each.segment_id == "s0001" else None) for each in batch]

    again_with = {"annotator.frames": 4}
    assert annotate_run(
        layout, named("second-3b", again_with), plain_view()[0], FakeLoaded(FakeAnnotator(fails)), wish=Wish(again=True)
    ) == 4  # fmt: skip
    fake = FakeAnnotator()
    assert annotate_run(layout, {}, plain_view()[0], FakeLoaded(fake)) == 0
    assert [[request.segment_id for request in batch] for batch in fake.requests] == [["s0001"]]
    assert len(annotations_in(recorded(layout))) == 2
    assert annotate_run(layout, {}, plain_view()[0], FakeLoaded(fake), wish=Wish(name="first-7b")) == 0
    assert [each.name for each in annotations_in(recorded(layout)) if each.is_default] == ["first-7b"]
    assert subtasks(layout) == subtasks(layout, "first-7b")
    assert read_annotations(layout.annotations) == open_run(layout.root).actions()


def test_novel_takes_what_anomalous_has_left(tmp_path: Path) -> None:
    """After ``anomalous``, ``novel`` describes the typical segments that resemble none, and skips the others."""
    layout = finished_run(tmp_path, FakeAnnotator(), {**KEPT, "annotator.segments": "anomalous"})
    assert sorted(_described(layout)) == ["s0002", "s0005"]
    fake = FakeAnnotator()
    options = named("first-7b", {"annotator.segments": "novel", "annotator.novelty_threshold": 1.0 - 1e-9})
    assert annotate_run(layout, options, plain_view()[0], FakeLoaded(fake)) == 0
    assert [request.segment_id for batch in fake.requests for request in batch] == ["s0000"]
    skipped = [event for event in open_run(layout.root).outcomes().values() if isinstance(event, events.SegmentSkipped)]
    assert [(event.segment_id, event.same_as) for event in skipped] == [
        (name, "s0000") for name in ("s0001", "s0003", "s0004")
    ]
    count = len(recorded(layout))
    assert annotate(layout, options) == 0
    assert len(recorded(layout)) == count


def _described(layout: RunLayout) -> list[str]:
    found = open_run(layout.root).outcomes().items()
    return [name for name, event in found if isinstance(event, events.SegmentAnnotated)]


def test_keyframes_are_kept_on_request(tmp_path: Path) -> None:
    """With ``--keep-keyframes`` described segments keep theirs; without it none is left."""
    kept = finished_run(tmp_path, FakeAnnotator(), KEPT)
    assert len(list(kept.keyframes.iterdir())) == SEGMENTS * SECONDS
    again(kept, named("second-3b"))
    assert len(list(kept.keyframes.iterdir())) == SEGMENTS * SECONDS
    options = {**named("fourth"), "keyframes": {"keep": False}}
    again(kept, options)
    assert list(kept.keyframes.iterdir()) == []


def test_without_keyframes_and_clip_nothing_begins(tmp_path: Path) -> None:
    """One sentence says what is gone, and the run is left as it is."""
    layout = finished_run(tmp_path, FakeAnnotator(), {**KEPT, "keyframes.keep": False})
    before = layout.events.read_bytes()
    with pytest.raises(InputError, match=r"the keyframes of the segments are gone, and clip\.mp4 .*--clips"):
        again(layout, named("second-3b"))
    assert layout.events.read_bytes() == before
    assert not layout.annotation_folder.exists()


def test_a_run_that_was_never_described_begins_with_the_first_answer(tmp_path: Path) -> None:
    """Nothing is copied from a run without words, whose only annotation is then the new one."""
    layout = finished_run(tmp_path, FakeAnnotator(), {"annotator.name": "none"})
    assert open_run(layout.root).annotations() == []
    again(layout, named("second-3b"))
    assert [path.name for path in sorted(layout.annotation_folder.glob("*.json"))] == ["second-3b.json"]
    assert [each.name for each in open_run(layout.root).annotations()] == ["second-3b"]


def test_a_run_that_was_described_later_knows_by_whom(tmp_path: Path) -> None:
    """Its failed segments are asked again without naming the model, and ``--again`` by the same has nothing to do."""
    layout = finished_run(tmp_path, FakeAnnotator(), {"annotator.name": "none", "keyframes.keep": True})
    with pytest.raises(UsageError, match="was run without an annotator: name one with --annotator"):
        annotate_run(layout, {}, plain_view()[0])
    nonsense = FakeAnnotator(lambda batch: [answer_to(each, "nonsense") for each in batch])
    assert annotate_run(layout, named("first-7b"), plain_view()[0], FakeLoaded(nonsense)) == 4
    fake = FakeAnnotator()
    assert annotate_run(layout, {}, plain_view()[0], FakeLoaded(fake)) == 0
    assert sum(map(len, fake.requests)) == SEGMENTS
    assert again(layout, named("first-7b")).requests == []
    assert [each.name for each in annotations_in(recorded(layout))] == ["first-7b"]
