"""Which segments are asked about together, what the annotator is shown, and that every order gets an answer."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.annotators.annotator import (
    AnnotationAnswer,
    AnnotationFailure,
    AnnotationRequest,
    AnnotationResponse,
    Annotator,
)
from models.errors import ModelUnavailableError
from stream.annotation.batcher import Batcher
from stream.annotation.client import AnnotatorClient
from stream.annotation.request import FramesMissingError, hint_of, read_frames
from stream.pipeline.items import AnnotationTask, AnnotatorUnavailable
from stream.records.schema.events import NO_RESPONSE
from stream.records.store.keyframes import KeyframeCache, digest
from stream.runtime import channels
from tests.support.annotated import task
from tests.support.fake_annotators import FakeAnnotator, answer_to
from tests.support.properties import examples


def order(number: int = 0, *, queued_at_s: float = 0.0, keyframes: Sequence[bytes] = ()) -> AnnotationTask:
    """An order for segment ``number``, whose keyframes come once a second from 10.5 s on."""
    frames_digest = digest(sha256(jpeg).hexdigest() for jpeg in keyframes)
    return task(f"s{number:04}", queued_at_s, keyframes=len(keyframes), frames_digest=frames_digest)


def spooled(directory: Path, jpegs: Sequence[bytes]) -> AnnotationTask:
    """An order whose keyframes lie in a keyframe cache, between those of its neighbours."""
    cache = KeyframeCache(directory, 10_000)
    for second, jpeg in enumerate([b"before", *jpegs, b"after"], start=-1):
        cache.add(10.5 + second if second < len(jpegs) else 15.25, jpeg)
    return order(keyframes=jpegs)


def test_full_batch_goes_at_once() -> None:
    """As many orders as a batch holds wait for nothing, in their order."""
    batches = Batcher(2, wait_max_s=60.0)
    orders = [order(number) for number in range(3)]
    batches.add(orders[0])
    assert batches.due(0.0) == []
    for later in orders[1:]:
        batches.add(later)
    assert batches.due(0.0) == orders[:2]
    assert batches.due(0.0) == []
    assert batches.rest() == orders[2:]
    assert batches.rest() == []


def test_small_batch_goes_when_its_oldest_has_waited() -> None:
    """An order waits for company for so long and no longer, counted from when it was ordered."""
    batches = Batcher(4, wait_max_s=5.0)
    orders = [order(0, queued_at_s=100.0), order(1, queued_at_s=104.0)]
    for each in orders:
        batches.add(each)
    assert batches.due(104.9) == []
    assert batches.due(105.0) == orders


@examples()
@given(st.lists(st.floats(0, 20), max_size=30).map(sorted), st.integers(1, 5), st.floats(0, 8))
def test_every_task_is_batched_once_and_in_order(arrivals: list[float], size_max: int, wait_max_s: float) -> None:
    """Whenever orders come, each is in one batch, none is larger than allowed, and none waits for longer."""
    batches, batched = Batcher(size_max, wait_max_s), list[AnnotationTask]()
    for number, now_s in enumerate(arrivals):
        batches.add(order(number, queued_at_s=now_s))
        while batch := batches.due(now_s):
            assert len(batch) <= size_max
            batched += batch
        assert all(now_s - each.queued_at_s < wait_max_s for each in batches._waiting)
    while batch := batches.rest():
        batched += batch
    assert [each.segment.segment_id for each in batched] == [f"s{number:04}" for number in range(len(arrivals))]


def test_frames_are_the_segments_own(tmp_path: Path) -> None:
    """The frames of a segment, and no neighbour's, come with their times from its start."""
    frames = read_frames(spooled(tmp_path, [b"one", b"two", b"three"]).segment, tmp_path)
    assert [(frame.t_s, frame.jpeg) for frame in frames] == [(0.0, b"one"), (1.0, b"two"), (2.0, b"three")]


@pytest.mark.parametrize("change", ["gone", "other", "more"])
def test_other_frames_are_never_shown(tmp_path: Path, change: str) -> None:
    """Where a keyframe has gone, has other bytes, or one too many lies there, nothing is asked."""
    task = spooled(tmp_path, [b"one", b"two"])
    match change:
        case "gone":
            (tmp_path / "0000010500.jpg").unlink()
        case "other":
            (tmp_path / "0000010500.jpg").write_bytes(b"One")
        case _:
            (tmp_path / "0000012000.jpg").write_bytes(b"more")
    with pytest.raises(FramesMissingError, match="keyframes"):
        read_frames(task.segment, tmp_path)


def test_hint_describes_the_detectors_result(tmp_path: Path) -> None:
    """The hint has kind and period; without the option there is no hint."""
    task = spooled(tmp_path, [b"one"])
    segment = replace(task.segment, kind="anomalous", period_s=4.92)
    assert hint_of(segment).startswith("anomalous")
    assert "4.9 s" in hint_of(segment)
    for hint in (True, False):
        annotator = FakeAnnotator()
        list(AnnotatorClient(annotator, tmp_path, hint=hint).annotate([replace(task, segment=segment)]))
        assert annotator.requests[0][0].hint == (hint_of(segment) if hint else None)


def test_every_order_gets_an_answer(tmp_path: Path) -> None:
    """A segment that the annotator does not speak of has failed, and so has one whose frames are gone; none is lost."""
    here = spooled(tmp_path, [b"one"])
    gone = order(1, keyframes=[b"gone"])
    responses = list(AnnotatorClient(FakeAnnotator(lambda _: []), tmp_path, hint=True).annotate([gone, here]))
    assert [(each.segment_id, each.reason) for each in responses if isinstance(each, AnnotationFailure)] == [
        ("s0001", "its keyframes in the keyframe cache are not those it was closed with"),
        ("s0000", NO_RESPONSE),
    ]


def test_answer_for_other_frames_is_refused(tmp_path: Path) -> None:
    """An answer that names another digest is handed on to be refused, and the segment counts as not answered."""

    def lies(batch: Sequence[AnnotationRequest]) -> list[AnnotationResponse]:
        return [replace(answer_to(request), frames_digest="f" * 64) for request in batch]

    wrong, failure = AnnotatorClient(FakeAnnotator(lies), tmp_path, hint=True).annotate([spooled(tmp_path, [b"one"])])
    assert isinstance(wrong, AnnotationAnswer)
    assert wrong.frames_digest == "f" * 64
    assert isinstance(failure, AnnotationFailure)


@pytest.mark.parametrize("raw", ["\ud800 half a character", "\N{PILE OF POO}" * 200_000, "\x1b[31m"])
def test_any_text_can_be_sent(tmp_path: Path, raw: str) -> None:
    """Words that are no Unicode, or endless, or control a terminal, still cross to the record."""
    (responses,) = AnnotatorClient(
        FakeAnnotator(lambda batch: [answer_to(batch[0], raw)]), tmp_path, hint=True
    ).annotate([spooled(tmp_path, [b"one"])])
    assert channels.decode(channels.encode(responses)) == responses


def test_unavailable_model_reports_before_the_failures(tmp_path: Path) -> None:
    """Of a model that can answer nothing comes its own sentence, then each segment that it was asked about, failed."""

    def away(_: Sequence[AnnotationRequest]) -> list[AnnotationResponse]:
        raise ModelUnavailableError("the server says 401: give its key")

    annotator: Annotator = FakeAnnotator(away)
    task = spooled(tmp_path, [b"one"])
    reason = "the server says 401: give its key"
    assert list(AnnotatorClient(annotator, tmp_path, hint=True).annotate([task])) == [
        AnnotatorUnavailable(reason),
        AnnotationFailure(task.segment.segment_id, task.segment.frames_digest, reason),
    ]


def test_fault_costs_the_segment_that_met_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Where a batch ends in any error each of the rest is asked about alone; one that fails then says what it was."""
    jpegs = [b"one", b"two"]
    frames = spooled(tmp_path, jpegs).segment
    orders = [AnnotationTask(replace(frames, segment_id=f"s{number:04}"), 0.0) for number in range(4)]

    def breaks(batch: Sequence[AnnotationRequest]) -> Iterator[AnnotationResponse]:
        for request in batch:
            if request.segment_id == "s0001":
                raise ZeroDivisionError("no such token")
            yield answer_to(request)

    annotator = FakeAnnotator(breaks)
    responses = list(AnnotatorClient(annotator, tmp_path, hint=True).annotate(orders))
    assert [len(batch) for batch in annotator.requests] == [4, 1, 1, 1]
    reasons = {
        each.segment_id: getattr(each, "reason", None)
        for each in responses
        if not isinstance(each, AnnotatorUnavailable)
    }
    why = "the annotator failed, ZeroDivisionError: no such token"
    assert reasons == {"s0000": None, "s0001": why, "s0002": None, "s0003": None}
    assert "Traceback" in capfd.readouterr().err
