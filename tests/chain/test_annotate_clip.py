"""``annotate --whole-clip``: the model divides the clip itself, beside the detector's segments."""

import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from exporters.dataset.plan import PlanOptions, plan_run
from exporters.report.run import shown_run
from exporters.run_view import view_run
from models.annotators.annotator import AnnotationRequest, AnnotationResponse
from models.annotators.response.schema import echo_of
from models.errors import ModelUnavailableError
from stream.cli import cli
from stream.errors import UsageError
from stream.records import open_run
from stream.records.accounting import account
from stream.records.run_annotations import annotations_in, events_of
from stream.records.schema import events
from stream.records.schema.layout import RunLayout
from stream.records.store.event_log import finish_of
from stream.run.annotate import annotate_run
from stream.run.chosen_annotation import Wish
from tests.support.annotate_later import ALL, SEGMENTS, FakeLoaded, finished_run, named, plain_view
from tests.support.annotated import SECONDS
from tests.support.annotated import events_of as recorded
from tests.support.fake_annotators import Batch, FakeAnnotator, answer_to

IN_PARTS = {"annotator.context": 14_000}
"""Room for 12 pictures: 30 s are three parts, at 0, 9 and 18 s."""
WHOLE = Wish(whole_clip=True)
NAME = "model-clip"


@pytest.fixture
def layout(tmp_path: Path) -> RunLayout:
    """A finished run of six segments that ``first-7b`` has described, with its keyframes."""
    kept = {"annotator.url": "http://localhost:1/v1", "annotator.model": "first-7b", "keyframes.keep": True}
    return finished_run(tmp_path, FakeAnnotator(), kept)


def describe(layout: RunLayout, fake: FakeAnnotator | None = None, more: Mapping[str, object] | None = None) -> int:
    """``annotate --whole-clip`` with a fake annotator."""
    return annotate_run(
        layout, named("model", more), plain_view()[0], FakeLoaded(fake or FakeAnnotator(works)), wish=WHOLE
    )


def works(batch: Batch) -> Iterator[AnnotationResponse]:
    """Work that changes every 7 s of the clip, as a model sees it that knows where its part begins."""
    for request in batch:
        yield answer_to(request, _answer(request, int(request.segment_id[1:]) * 9))


def _answer(request: AnnotationRequest, first_s: int) -> str:
    last_s = first_s + request.duration_s
    edges_s = [first_s, *(edge for edge in range(7, 100, 7) if first_s < edge < last_s), last_s]
    actions = [
        {
            "ecot": dict.fromkeys(("scene", "subtask", "motion", "prediction"), f"work {int(start_s) // 7}"),
            "objects": [{"object_name": "screw", "bbox": [1, 2, 30, 20], "rigid": True}],
            "active": True,
            "start_ds": round(10 * (start_s - first_s)),
            "end_ds": round(10 * (end_s - first_s)),
        }
        for start_s, end_s in pairwise(edges_s)
    ]
    space = [request.width_px, request.height_px]
    return json.dumps({"request": echo_of(request), "box_space": space, "actions": actions})


def said(layout: RunLayout, name: str | None = None) -> list[tuple[float, float, str]]:
    actions = open_run(layout.root, name).actions()
    return [(each.t_start_s, each.t_end_s, each.ecot.subtask if each.ecot else "") for each in actions]


ACTIONS = [
    (0.0, 7.0, "work 0"), (7.0, 14.0, "work 1"), (14.0, 21.0, "work 2"), (21.0, 28.0, "work 3"), (28.0, 30.0, "work 4"),
]  # fmt: skip


def test_a_clip_that_fits_is_one_request(layout: RunLayout) -> None:
    """All its keyframes, and the actions over the whole time axis; each names the segments that it runs through."""
    fake = FakeAnnotator(works)
    segments = open_run(layout.root).segments()
    assert describe(layout, fake) == 0
    ((request,),) = fake.requests
    assert (request.duration_s, len(request.frames), request.actions_max) == (30.0, SEGMENTS * SECONDS, 6)
    assert [frame.t_s for frame in request.frames] == [float(second) for second in range(30)]
    assert request.note is not None
    assert request.note.startswith("The segment is a whole recording: ")
    assert said(layout) == ACTIONS
    found = [(each.segment_id, each.segment_ids) for each in open_run(layout.root).actions()]
    assert found[0] == ("s0000", ("s0000", "s0001"))
    assert found[4] == ("s0005", ())
    boxes_s = [each.keyframe_t_s for action in open_run(layout.root).actions() for each in action.objects]
    assert boxes_s == [0.0, 7.0, 14.0, 21.0, 28.0]
    assert open_run(layout.root).segments() == segments
    assert [(each.name, each.is_default) for each in annotations_in(recorded(layout))] == [
        ("first-7b", False), (NAME, True),
    ]  # fmt: skip


def test_parts_are_joined(layout: RunLayout) -> None:
    """Three parts that overlap by 3 s say what one does; each is told its place, and shown its own keyframes."""
    fake = FakeAnnotator(works)
    assert describe(layout, fake, IN_PARTS) == 0
    requests = [request for batch in fake.requests for request in batch]
    assert [(each.segment_id, each.duration_s, len(each.frames)) for each in requests] == [
        ("p0000", 12.0, 12), ("p0001", 12.0, 12), ("p0002", 12.0, 12),
    ]  # fmt: skip
    assert [frame.t_s for frame in requests[1].frames] == [float(second) for second in range(12)]
    assert "part 2 of 3 of a recording" in str(requests[1].note)
    assert said(layout) == ACTIONS


def test_the_accounting_closes(layout: RunLayout) -> None:
    """Every segment has one outcome with the words of its time; the cost is that of the parts, each once."""
    describe(layout, more={**IN_PARTS, "annotator.price_in": 1.0})
    finish = finish_of(layout.events)
    assert finish is not None
    assert (finish.annotation_name, finish.annotated_s, finish.uncovered_s) == (NAME, 30.0, 0.0)
    assert (finish.annotation.tokens_in, finish.annotation.dollars) == (3000, 0.003)
    accounting = account(events_of(recorded(layout), NAME))
    assert (accounting.total_s, accounting.unsettled) == (finish.decoded_s, ())
    outcomes = open_run(layout.root).outcomes()
    assert sorted(outcomes) == ALL
    second = outcomes["s0001"]
    assert isinstance(second, events.SegmentAnnotated)
    assert (second.subtasks, second.objects, second.tokens_in) == (("work 0", "work 1"), ("screw",), 0)


def test_a_part_that_fails_is_asked_again_alone(layout: RunLayout) -> None:
    """Its segments fail with its reason, unless another part has their time; then they are described, too."""

    def fails(batch: Batch) -> Iterator[AnnotationResponse]:
        for request in batch:
            yield answer_to(request, "nonsense") if request.segment_id == "p0001" else next(works([request]))

    assert describe(layout, FakeAnnotator(fails), IN_PARTS) == 4
    outcomes = open_run(layout.root, NAME).outcomes()
    kinds = {name: event.event.removeprefix("segment.") for name, event in outcomes.items()}
    assert [name for name in ALL if kinds[name] == "failed"] == ["s0002", "s0003"]
    assert said(layout, NAME) == [(0.0, 7.0, "work 0"), (7.0, 12.0, "work 1"), (18.0, 21.0, "work 2"), *ACTIONS[3:]]
    fake = FakeAnnotator(works)
    assert describe(layout, fake, IN_PARTS) == 0
    assert [request.segment_id for batch in fake.requests for request in batch] == ["p0001"]
    assert said(layout) == ACTIONS
    assert {type(event) for event in open_run(layout.root).outcomes().values()} == {events.SegmentAnnotated}
    fake = FakeAnnotator(works)
    before = layout.events.read_bytes()
    assert describe(layout, fake, IN_PARTS) == 0
    assert (fake.requests, layout.events.read_bytes()) == ([], before)


def test_if_nothing_can_be_described_the_earlier_words_stay(layout: RunLayout) -> None:
    """The exit code is 4, and readers get the earlier annotation."""
    first = layout.annotations.read_bytes()
    nonsense = FakeAnnotator(lambda batch: [answer_to(request, "nonsense") for request in batch])
    assert describe(layout, nonsense) == 4
    assert layout.annotations.read_bytes() == first
    assert [each.is_default for each in annotations_in(recorded(layout))] == [True, False]


def test_after_a_kill_at_any_event_the_same_bytes_result(layout: RunLayout) -> None:
    """The log is cut after each event of the annotation: no part is asked twice, and actions and outcomes are equal."""
    begun = len(recorded(layout))
    describe(layout, more=IN_PARTS)
    lines = layout.events.read_bytes().splitlines(keepends=True)
    actions = layout.annotations.read_bytes()
    whole = [str(each) for each in map(_bare, recorded(layout))]
    raw = (layout.annotation_folder / f"{NAME}_raw_response.txt").read_bytes()
    assert len(lines) == begun + 1 + 3 + SEGMENTS + 1
    for kept in range(begun + 1, len(lines)):
        layout.events.write_bytes(b"".join(lines[:kept]))
        assert describe(layout, FakeAnnotator(lambda _: []), IN_PARTS) == 0
        assert [str(each) for each in map(_bare, recorded(layout))] == whole
        assert layout.annotations.read_bytes() == actions
    assert (layout.annotation_folder / f"{NAME}_raw_response.txt").read_bytes() == raw


def _bare(event: events.Event) -> dict[str, object]:
    return {name: getattr(event, name) for name in event.__dataclass_fields__ if name not in ("seq", "time")}


def test_a_server_that_goes_away_leaves_the_rest_for_the_next_call(layout: RunLayout) -> None:
    """No segment has an outcome before all parts have one."""

    def goes(batch: Batch) -> Iterator[AnnotationResponse]:
        if batch[0].segment_id == "p0001":
            raise ModelUnavailableError("the server is away")
        yield from works(batch)

    with pytest.raises(ModelUnavailableError, match="away"):
        describe(layout, FakeAnnotator(goes), IN_PARTS)
    assert open_run(layout.root, NAME).outcomes() == {}
    assert open_run(layout.root).outcomes().keys() == set(ALL)
    assert describe(layout, more=IN_PARTS) == 0
    assert said(layout) == ACTIONS


def test_a_context_that_is_too_short_is_refused(layout: RunLayout) -> None:
    """Also one that would continue with other parts; nothing is written."""
    with pytest.raises(UsageError, match=r"the context of model is too short for a clip: .* --annotator-context"):
        describe(layout, more={"annotator.context": 4096})
    describe(layout, more=IN_PARTS)
    before = layout.events.read_bytes()
    with pytest.raises(UsageError, match="has parts of another length: give the same --annotator-context"):
        annotate_run(layout, {"annotator": {"context": 20_000}}, plain_view()[0], FakeLoaded(FakeAnnotator()))
    assert layout.events.read_bytes() == before


def test_eval_scores_one_against_the_other(layout: RunLayout, tmp_path: Path) -> None:
    """The detector's anomalous segments, against the actions of the model that a pattern selects."""
    describe(layout)
    words = ("eval", layout.root, layout.root, "--annotation", NAME, "--anomalous", "work [24]", "--json")
    result = CliRunner().invoke(cli, list(map(str, words)), catch_exceptions=False)
    (clip,) = json.loads(result.stdout)["clips"]
    assert (clip["predicted_events"], clip["true_events"], clip["duration_s"]) == (2, 2, 30.0)
    truth = tmp_path / "truth.json"
    truth.write_text("[]")
    with pytest.raises(UsageError, match=r"--annotation x names an annotation of a run, and .* is no run directory"):
        CliRunner().invoke(
            cli,
            ["eval", str(layout.root), str(truth), "--annotation", "x"],
            catch_exceptions=False,
            standalone_mode=False,
        )


def test_readers_find_an_action_in_each_of_its_segments(layout: RunLayout) -> None:
    """Exports and the report have it in all that it runs through; an export cuts it there."""
    describe(layout)
    view = view_run(layout.root)
    found = {segment.id: [action.subtask for action in segment.actions] for segment in shown_run(view, "clip").segments}
    assert found["s0001"] == ["work 0", "work 1"]
    episodes = plan_run(view, PlanOptions("all", None, 10, 300.0, 0.0, 0))
    assert [(each.t_start_s, each.t_end_s, each.subtask) for each in episodes[1].actions] == [
        (0.0, 2.0, "work 0"), (2.0, 5.0, "work 1"),
    ]  # fmt: skip


def test_keyframes_of_a_part_that_failed_stay(tmp_path: Path) -> None:
    """There is no clip to make others: the same command describes it from those."""
    layout = finished_run(tmp_path, FakeAnnotator(), {"annotator.name": "none"})

    def fails(batch: Batch) -> Iterator[AnnotationResponse]:
        for request in batch:
            yield answer_to(request, "nonsense") if request.segment_id == "p0001" else next(works([request]))

    assert describe(layout, FakeAnnotator(fails), IN_PARTS) == 4
    left_s = sorted(int(path.stem) / 1000 for path in layout.keyframes.iterdir())
    assert left_s == [float(second) for second in range(5, 25)]
    assert describe(layout, more=IN_PARTS) == 0
    assert said(layout) == ACTIONS
    assert list(layout.keyframes.iterdir()) == []


@pytest.mark.parametrize("events_kept", [2, 3, 4, 5])
def test_keyframes_that_a_kill_has_left_go(tmp_path: Path, events_kept: int) -> None:
    """A call that was killed after an event, and before it let the keyframes go, leaves them to the next one."""
    layout = finished_run(tmp_path, FakeAnnotator(), {"annotator.name": "none"})
    keyframes = {path: path.read_bytes() for path in layout.keyframes.iterdir()}
    begun = len(recorded(layout))
    describe(layout, more=IN_PARTS)
    lines = layout.events.read_bytes().splitlines(keepends=True)
    layout.events.write_bytes(b"".join(lines[: begun + events_kept]))
    for path, jpeg in keyframes.items():
        path.write_bytes(jpeg)
    assert describe(layout, FakeAnnotator(lambda _: []), IN_PARTS) == 0
    assert list(layout.keyframes.iterdir()) == []


def test_keyframes_go_as_soon_as_no_part_needs_them(tmp_path: Path) -> None:
    """Those of the overlap stay for the next part, and none is left at the end; there is no clip to make others."""
    layout = finished_run(tmp_path, FakeAnnotator(), {"annotator.name": "none"})
    there: list[int] = []

    def counts(batch: Batch) -> Iterator[AnnotationResponse]:
        there.append(len(list(layout.keyframes.iterdir())))
        yield from works(batch)

    assert describe(layout, FakeAnnotator(counts), IN_PARTS) == 0
    assert there == [30, 25, 15]
    assert list(layout.keyframes.iterdir()) == []
