"""Segments of several chains in one batch: who shares one, and whose response is whose."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from models.annotators.annotator import (
    AnnotationAnswer,
    AnnotationFailure,
    AnnotationRequest,
    AnnotationResponse,
    AnnotatorFacts,
)
from stream.runtime.annotator_service.messages import REPLIES, REQUESTS, Described, DescribeRequest
from stream.runtime.annotator_service.shared import SegmentsRequest, SharedAnnotator
from tests.support.noise_segments import noise_segments
from tests.support.preceding_requests import with_preceding


class _Backwards:
    """An annotator that answers the last segment first."""

    batch_max = 4

    def __init__(self) -> None:
        self.batches: list[int] = []

    def facts(self) -> AnnotatorFacts:
        return {}

    def annotate(self, requests: Sequence[AnnotationRequest]) -> Iterator[AnnotationResponse]:
        self.batches.append(len(requests))
        for number, each in enumerate(reversed(requests)):
            yield AnnotationFailure(each.segment_id, each.frames_digest, f"answer {number}")


def request(client: bytes, number: int, segments: int = 1, *, is_alone: bool = False) -> SegmentsRequest:
    """A request of a client for segments of its own."""
    own = [replace(each, segment_id=f"{client!r}{each.segment_id}") for each in noise_segments(segments)]
    return SegmentsRequest(client, number, own, is_alone)


def batches(shared: SharedAnnotator, *requests: SegmentsRequest) -> list[list[bytes]]:
    """The clients of each batch."""
    for each in requests:
        shared.add(each)
    made = []
    while shared.is_waiting:
        made.append([each.client for each in shared.next_batch()])
    return made


def test_a_batch_takes_what_waits_in_order_and_splits_no_request() -> None:
    """As many as the annotator takes."""
    shared = SharedAnnotator(_Backwards(), mixes=True)
    waiting = request(b"a", 0, 2), request(b"b", 0, 2), request(b"a", 1, 3), request(b"c", 0, 2)
    assert batches(shared, *waiting) == [[b"a", b"b"], [b"a"], [b"c"]]


def test_a_segment_that_may_be_the_cause_of_a_death_is_a_batch_of_its_own() -> None:
    """Whether it comes first or second."""
    shared = SharedAnnotator(_Backwards(), mixes=True)
    waiting = request(b"a", 0), request(b"b", 0, is_alone=True), request(b"a", 1), request(b"c", 1)
    assert batches(shared, *waiting) == [[b"a"], [b"b"], [b"a", b"c"]]


def test_each_chain_keeps_its_batches_if_they_are_not_mixed() -> None:
    """What ``--deterministic`` asks for."""
    shared = SharedAnnotator(_Backwards(), mixes=False)
    assert batches(shared, request(b"a", 0), request(b"b", 0)) == [[b"a"], [b"b"]]


def test_responses_go_to_whoever_asked() -> None:
    """Also if two chains ask for the same segment of the same frames: each gets one."""
    annotator = _Backwards()
    shared = SharedAnnotator(annotator, mixes=True)
    same = noise_segments(1)
    for each in (SegmentsRequest(b"a", 7, same), SegmentsRequest(b"b", 8, same), request(b"c", 9, 2)):
        shared.add(each)
    responses = list(shared.annotate(shared.next_batch()))
    assert annotator.batches == [4]
    assert sorted(each.request for each, _ in responses) == [7, 8, 9, 9]
    assert all(response.segment_id.startswith(repr(b"c")) == (each.client == b"c") for each, response in responses)


def test_a_client_that_has_gone_has_nothing_described() -> None:
    """Its requests leave the queue, the others stay."""
    shared = SharedAnnotator(_Backwards(), mixes=True)
    for each in (request(b"a", 0), request(b"b", 0)):
        shared.add(each)
    shared.remove(b"a")
    assert [each.client for each in shared.next_batch()] == [b"b"]
    assert not shared.is_waiting


@pytest.mark.parametrize("segments", [1, 3])
def test_messages_hold_frames_and_responses(segments: int) -> None:
    """They come out of the codec as they went in."""
    asked = DescribeRequest(4, [*map(with_preceding, noise_segments(segments, frames=3))], is_alone=False)
    decoded = REQUESTS.decode(REQUESTS.encode(asked))
    assert isinstance(decoded, DescribeRequest)
    as_tuples = [replace(each, frames=tuple(each.frames), preceding=tuple(each.preceding)) for each in decoded.segments]
    assert as_tuples == asked.segments
    answer = AnnotationAnswer("s0", "d", "{}", 3, 10, 20, 1.5, [1000, 1000], [0.0, 0.5], "annotate-v3")
    reply = Described(instance="i", facts={"model": "m"}, request=4, response=answer)
    assert REPLIES.decode(REPLIES.encode(reply)) == reply
