"""With ``novel`` a segment like one that is described is left out, and only then."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from models.annotators.annotator import AnnotationRequest, AnnotationResponse
from stream.annotation import novelty
from stream.annotation.selection import may_be_reopened
from stream.pipeline.facts import SegmentKind
from stream.pipeline.items import Item
from stream.pipeline.stage import drive
from stream.records.schema import events
from stream.records.schema.annotations import read_annotations
from stream.records.schema.events import SAME_AS
from stream.records.schema.layout import RunLayout
from stream.records.store.attempt import AttemptGuard
from stream.stages.annotate import Annotate
from stream.stages.store import EmbeddingWriter
from tests.support.annotated import end, events_of, exchange, of_kind, options, play, recording, segment
from tests.support.fake_annotators import FakeAnnotator, answer_to


@pytest.fixture
def layout(tmp_path: Path) -> RunLayout:
    """An empty run directory."""
    return RunLayout(tmp_path, "clip")


def subtasks(layout: RunLayout) -> dict[str, str]:
    """What is said of each segment."""
    return {action.segment_id: action.ecot.subtask for action in read_annotations(layout.annotations) if action.ecot}


NOVEL: Sequence[tuple[SegmentKind, tuple[float, float]]] = (
    ("typical", (1.0, 0.0)),
    ("typical", (0.99, 0.1)),
    ("anomalous", (1.0, 0.01)),
    ("typical", (0.0, 1.0)),
    ("typical", (0.3, 0.9)),
    ("typical", (0.0, 3.0)),
)


def test_novel_segments_are_described_once(layout: RunLayout) -> None:
    """A typical segment like one that is described is skipped and names it, with their cosine; no words are copied."""
    items = [item for number, (kind, vector) in enumerate(NOVEL) for item in segment(number, kind, vector)]
    play(
        layout,
        options({"annotator.segments": "novel", "annotator.novelty_threshold": 0.97}),
        FakeAnnotator(),
        [*items, end(len(NOVEL))],
    )
    assert sorted(subtasks(layout)) == ["s0000", "s0002", "s0003", "s0004"]
    outcomes = {
        event.segment_id: (event.reason, event.same_as, event.similarity)
        for event in events_of(layout)
        if isinstance(event, events.SegmentSkipped)
    }
    assert outcomes == {
        "s0001": (SAME_AS, "s0000", pytest.approx(0.994937, abs=1e-5)),
        "s0005": (SAME_AS, "s0003", 1.0),
    }


@pytest.mark.parametrize("cut", [8, 20, 41, 60])
def test_stopped_run_decides_and_describes_the_same(layout: RunLayout, tmp_path: Path, cut: int) -> None:
    """A run that ends anywhere and is resumed has the same descriptions and skips; no request is repeated."""
    novel = options(
        {"annotator.segments": "novel", "annotator.novelty_threshold": 0.97, "annotator.max_wait_s": 86_400.0}
    )
    items = [*(item for n, (kind, vector) in enumerate(NOVEL) for item in segment(n, kind, vector)), end(len(NOVEL))]
    whole = RunLayout(tmp_path / "whole", "clip")
    whole.root.mkdir()
    play(whole, novel, FakeAnnotator(batch_max=2), items)
    first, second = FakeAnnotator(batch_max=2), FakeAnnotator(batch_max=2)
    play(layout, novel, first, items[:cut])
    play(layout, novel, second, items)
    assert layout.annotations.read_bytes() == whole.annotations.read_bytes()
    segment_ids = [request.segment_id for batch in first.requests + second.requests for request in batch]
    assert sorted(segment_ids) == sorted(subtasks(layout))

    def outcomes(of: RunLayout) -> dict[str, str]:
        return {event.segment_id: event.event for event in events_of(of) if isinstance(event, events.Outcome)}

    assert outcomes(layout) == outcomes(whole)
    assert annotated_s(layout) == annotated_s(whole)


def annotated_s(layout: RunLayout) -> float:
    """Of the finished run."""
    finish = events_of(layout)[-1]
    assert isinstance(finish, events.RunFinished)
    return finish.annotated_s


def alike(count: int) -> Iterator[Item]:
    """Segments that are all like one another."""
    for number in range(count):
        yield from segment(number, vector=(1.0, number / 1000))


def failing(*names: str) -> FakeAnnotator:
    """One that has no sensible word for these segments."""

    def says(batch: Sequence[AnnotationRequest]) -> list[AnnotationResponse]:
        return [answer_to(each, "nonsense" if each.segment_id in names else None) for each in batch]

    return FakeAnnotator(says, batch_max=1)


def kinds(layout: RunLayout) -> dict[str, list[str]]:
    """All that became of each segment."""
    outcomes: dict[str, list[str]] = {}
    for event in events_of(layout):
        if isinstance(event, events.Outcome):
            outcomes.setdefault(event.segment_id, []).append(event.event.removeprefix("segment."))
    return outcomes


NEXT_IS_TAKEN = {"s0000": ["failed"], "s0001": ["annotated"], "s0002": ["skipped"], "s0003": ["skipped"]}


@pytest.mark.parametrize("at_once", [True, False])
def test_when_one_fails_the_next_like_it_is_described(layout: RunLayout, at_once: bool) -> None:  # noqa: FBT001
    """No segment is left out for one without words, whether those like it close before or after it has failed."""
    novel, annotator = options({"annotator.segments": "novel"}), failing("s0000")
    items = [*alike(4), end(4)]
    if at_once:
        play(layout, novel, annotator, items)
    else:
        annotate = Annotate(annotator, layout.keyframes, novel)
        with recording(layout, novel) as record:
            write_windows(layout, items)
            for item in items:
                list(record.on_item(item))
            exchange(record, annotate)
            list(record.on_item(end(4)))
    assert kinds(layout) == NEXT_IS_TAKEN
    assert {event.same_as for event in of_kind(layout, events.SegmentSkipped)} == {"s0001"}
    assert [event.segment_id for event in events_of(layout) if isinstance(event, events.SegmentAnnotated)] == ["s0001"]


def write_windows(layout: RunLayout, items: list[Item]) -> None:
    """Embed everything before anything is recorded."""
    with closing(EmbeddingWriter(layout, AttemptGuard(layout, 0))) as keep:
        list(drive(keep, items))


@pytest.mark.parametrize("cut", [7, 14, 26, 39])
def test_a_run_resumed_after_a_failure_is_the_same(layout: RunLayout, cut: int) -> None:
    """A run that ends anywhere and is resumed counts no failed or open segment as described."""
    novel = options({"annotator.segments": "novel", "annotator.max_wait_s": 86_400.0})
    items = [*alike(4), end(4)]
    play(layout, novel, failing("s0000"), items[:cut])
    play(layout, novel, failing("s0000"), items)
    assert kinds(layout) == NEXT_IS_TAKEN


def test_all_that_is_alike_fails_with_its_first(layout: RunLayout) -> None:
    """Without a response, segments that waited for a failed one fail, too, and the accounting closes."""
    with recording(layout, options({"annotator.segments": "novel"})) as record:
        write_windows(layout, [*alike(3)])
        for item in [*alike(3), end(3)]:
            list(record.on_item(item))
        assert [type(order).__name__ for order in record.on_notify(0.0)] == ["AnnotationTask"]
        list(record.on_item(end(3)))
    assert kinds(layout) == {f"s{number:04}": ["failed"] for number in range(3)}


def test_what_is_like_a_failed_one_is_taken_up_again() -> None:
    """``annotate RUN`` asks anew about what was left out for a segment that is not described."""
    skipped = events.SegmentSkipped(segment_id="s0001", reason=SAME_AS, same_as="s0000", similarity=1.0)
    outcomes: dict[str, events.Outcome] = {"s0001": skipped}
    for last, again in (
        (events.SegmentFailed(segment_id="s0000", reason="no"), True),
        (events.SegmentAnnotated(segment_id="s0000", actions=1), False),
    ):
        outcomes["s0000"] = last
        assert may_be_reopened(skipped, outcomes, options({"annotator.segments": "novel"})) == again


def test_memory_of_what_is_described_is_bounded(layout: RunLayout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a stream without end the first are forgotten: what is like them is described once more."""
    monkeypatch.setattr(novelty, "REMEMBERED_MAX", 2)
    vectors = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, 1.0), (1.0, 0.0))
    items = [item for number, vector in enumerate(vectors) for item in segment(number, vector=vector)]
    play(layout, options({"annotator.segments": "novel"}), FakeAnnotator(), [*items, end(5)])
    assert [name for name, became in kinds(layout).items() if became == ["skipped"]] == ["s0003"]
