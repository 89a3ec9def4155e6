"""``annotate --whole-clip`` where the clip or the answers are odd: the accounting closes, and no answer is lost."""

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import jsonschema
import pytest

from models.annotators.annotator import AnnotationRequest, AnnotationResponse
from models.annotators.response.schema import duration_ds, echo_of
from stream.pipeline.facts import ClosedBy, SegmentClosed, SegmentOpened, SourceGap
from stream.pipeline.items import End, Item, Keyframe
from stream.records import open_run
from stream.records.accounting import account
from stream.records.listing import list_run
from stream.records.run_annotations import events_of
from stream.records.schema.generate import schemas
from stream.records.schema.layout import RunLayout
from stream.run.annotate import annotate_run
from stream.run.chosen_annotation import Wish
from tests.support.annotate_later import FakeLoaded, finished_run, named, plain_view
from tests.support.annotated import events_of as recorded
from tests.support.annotated import jpeg
from tests.support.fake_annotators import Batch, FakeAnnotator, answer_to

NAME = "model-clip"
IN_PARTS = {"annotator.context": 14_000}
"""Room for 12 pictures."""
USUAL: tuple[tuple[int, int, ClosedBy], ...] = (
    (0, 5, "max_duration"), (5, 17, "state_change"), (17, 30, "end_of_stream"),
)  # fmt: skip
AWAY: tuple[tuple[int, int, ClosedBy], ...] = (
    (0, 5, "source_lost"), (10, 15, "max_duration"), (15, 20, "end_of_stream"),
)  # fmt: skip
"""Of a live source that was away from 5 to 10 s."""


def clip(spans: tuple[tuple[int, int, ClosedBy], ...]) -> Iterator[Item]:
    """Segments of these seconds, with a keyframe a second, and a gap where one does not begin at the other's end."""
    end_s = 0
    for number, (start_s, until_s, closed_by) in enumerate(spans):
        if start_s > end_s:
            yield SourceGap(float(end_s), float(start_s), "away")
        yield SegmentOpened(f"s{number:04}", float(start_s), "typical", float(start_s))
        for second in range(start_s, until_s):
            yield Keyframe(float(second), 64, 36, jpeg(second))
        end_s = until_s
        yield SegmentClosed(f"s{number:04}", float(start_s), float(end_s), "typical", closed_by, float(end_s), 5)
    yield End("end_of_stream", float(end_s), 30 * end_s)


def said(spans: list[tuple[int, int]]) -> Callable[[Batch], list[AnnotationResponse]]:
    """A model that names actions at these deciseconds, whatever it is shown."""
    return lambda batch: [answer_to(request, words(request, spans)) for request in batch]


def words(request: AnnotationRequest, spans: list[tuple[int, int]]) -> str:
    """An answer with actions at these deciseconds."""
    ecot = dict.fromkeys(("scene", "subtask", "motion", "prediction"), "work")
    actions = [{"ecot": ecot, "objects": [], "active": True, "start_ds": a, "end_ds": b} for a, b in spans]
    space = [request.width_px, request.height_px]
    return json.dumps({"request": echo_of(request), "box_space": space, "actions": actions})


def run_of(folder: Path, items: Iterator[Item]) -> RunLayout:
    """A finished run without descriptions, with its keyframes."""
    return finished_run(folder, FakeAnnotator(), {"annotator.name": "none", "keyframes.keep": True}, items)


def describe(layout: RunLayout, fake: FakeAnnotator, more: Mapping[str, object] | None = None) -> int:
    """``annotate --whole-clip`` with a fake annotator."""
    return annotate_run(layout, named("model", more), plain_view()[0], FakeLoaded(fake), wish=Wish(whole_clip=True))


def actions_of(layout: RunLayout) -> list[tuple[float, float]]:
    """Times of all actions; everything that is written is valid, and the accounting closes."""
    actions = open_run(layout.root, NAME).actions()
    assert all(one.t_end_s <= other.t_start_s for one, other in pairwise(actions))
    checks = {name: jsonschema.Draft202012Validator(schemas()[name]) for name in ("annotations", "events")}
    checks["annotations"].validate(json.loads((layout.annotation_folder / f"{NAME}.json").read_text()))
    for line in layout.events.read_text().splitlines():
        checks["events"].validate(json.loads(line))
    assert account(events_of(recorded(layout), NAME)).unsettled == ()
    assert list_run(layout.root, NAME).run.counts.actions == len(actions)
    return [(each.t_start_s, each.t_end_s) for each in actions]


def test_a_gap_divides_the_clip(tmp_path: Path) -> None:
    """No request has a gap in it, and so no action can lie in one, or reach over it."""
    layout = run_of(tmp_path, clip(AWAY))
    fake = FakeAnnotator(said([(0, 40), (45, 50), (60, 90)]))
    describe(layout, fake)
    requests = [request for batch in fake.requests for request in batch]
    assert [(each.segment_id, each.duration_s, len(each.frames)) for each in requests] == [
        ("p0000", 5.0, 5), ("p0001", 10.0, 10),
    ]  # fmt: skip
    assert actions_of(layout) == [(0.0, 4.0), (4.5, 5.0), (10.0, 14.0), (14.5, 15.0), (16.0, 19.0)]


HOSTILE: dict[str, Callable[[int], list[tuple[int, int]]]] = {
    "none": lambda _: [],
    "after the clip": lambda _: [(99_990, 99_999)],
    "before the clip": lambda _: [(-50, 10)],
    "reversed": lambda _: [(50, 1)],
    "empty": lambda _: [(5, 5)],
    "over everything": lambda length_ds: [(0, length_ds)],
    "all at once": lambda length_ds: [(0, length_ds)] * 64,
    "10,000": lambda _: [(number % 100, number % 100 + 1) for number in range(10_000)],
    "one after the other": lambda length_ds: [(at, at + 1) for at in range(min(64, length_ds))],
}


@pytest.mark.parametrize("more", [{}, IN_PARTS], ids=["whole", "in parts"])
@pytest.mark.parametrize("name", HOSTILE)
def test_any_answer_is_actions_or_a_reason(tmp_path: Path, name: str, more: Mapping[str, object]) -> None:
    """Each part is described, with times that lie in the clip, or has failed with a reason."""

    def answers(batch: Batch) -> Iterator[AnnotationResponse]:
        for request in batch:
            yield answer_to(request, words(request, HOSTILE[name](duration_ds(request))))

    layout = run_of(tmp_path, clip(USUAL))
    describe(layout, FakeAnnotator(answers), more)
    spans = actions_of(layout)
    fails = name in ("none", "after the clip", "before the clip", "10,000")
    assert bool(spans) != fails
    assert all(0.0 <= start_s < end_s <= 30.0 for start_s, end_s in spans)
    outcomes = open_run(layout.root, NAME).outcomes().values()
    assert {each.event for each in outcomes} == {"segment.failed" if fails else "segment.annotated"}


@pytest.mark.slow
def test_a_clip_of_twenty_minutes(tmp_path: Path) -> None:
    """Of 240 segments: parts that overlap, and one action over everything as each of them sees it."""
    cut: ClosedBy = "max_duration"
    ends: list[ClosedBy] = [*[cut] * 239, "end_of_stream"]
    spans = tuple((5 * number, 5 * number + 5, end) for number, end in enumerate(ends))
    fake = FakeAnnotator(lambda batch: [answer_to(each, words(each, [(0, duration_ds(each))])) for each in batch])
    layout = run_of(tmp_path, clip(spans))
    describe(layout, fake)
    assert actions_of(layout) == [(0.0, 1200.0)]
    assert len(fake.requests) > 20
    assert len(open_run(layout.root, NAME).actions()[0].segment_ids) == 240


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_text(path.read_text().splitlines(keepends=True)[0]),
        lambda path: path.write_text(path.read_text().replace("actions", "actors")),
    ],
    ids=["gone", "shortened", "changed"],
)
def test_a_part_whose_answer_is_gone_is_asked_again(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    """The actions follow from the raw responses; without one, there is no other way to them."""
    layout = run_of(tmp_path, clip(USUAL))
    describe(layout, FakeAnnotator(said([(0, 50)])), IN_PARTS)
    before = actions_of(layout)
    damage(layout.annotation_folder / f"{NAME}_raw_response.txt")
    fake = FakeAnnotator(said([(0, 50)]))
    describe(layout, fake, IN_PARTS)
    assert len(fake.requests) in (2, 3)
    assert actions_of(layout) == before


def test_a_part_that_was_asked_again_is_not_paid_twice(tmp_path: Path) -> None:
    """Killed after the good response to a part that had failed, and before its event: the next call takes it."""

    def fails(batch: Batch) -> Iterator[AnnotationResponse]:
        for request in batch:
            yield answer_to(request, "nonsense" if request.segment_id == "p0001" else words(request, [(0, 50)]))

    layout = run_of(tmp_path, clip(USUAL))
    describe(layout, FakeAnnotator(fails), IN_PARTS)
    begun = layout.events.read_bytes()
    describe(layout, FakeAnnotator(said([(0, 50)])), IN_PARTS)
    whole = actions_of(layout)
    layout.events.write_bytes(begun)
    fake = FakeAnnotator()
    describe(layout, fake, IN_PARTS)
    assert (fake.requests, actions_of(layout)) == ([], whole)


def test_actions_that_are_gone_are_written_again(tmp_path: Path) -> None:
    """From the raw responses, without a request."""
    layout = run_of(tmp_path, clip(USUAL))
    describe(layout, FakeAnnotator(said([(0, 50)])))
    before = actions_of(layout)
    (layout.annotation_folder / f"{NAME}.json").unlink()
    fake = FakeAnnotator()
    describe(layout, fake)
    assert (fake.requests, actions_of(layout)) == ([], before)


def test_pictures_of_several_sizes_fail_with_the_reason(tmp_path: Path) -> None:
    """Also if they are all in one segment, whose own size is then not known."""
    items = list(clip(((0, 5, "end_of_stream"),)))
    items[2] = Keyframe(1.0, 32, 36, jpeg(1))
    layout = run_of(tmp_path, iter(items))
    fake = FakeAnnotator()
    assert describe(layout, fake) == 4
    (outcome,) = open_run(layout.root, NAME).outcomes().values()
    assert "its keyframes are of several sizes" in getattr(outcome, "reason", "")
    assert (fake.requests, actions_of(layout)) == ([], [])
