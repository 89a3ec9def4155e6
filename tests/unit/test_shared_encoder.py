"""One encoder for several clients: whose windows are whose, and what is batched together."""

from collections.abc import Iterator

import numpy as np
import pytest

from models.encoders.encoder import ClipEmbedding, UInt8
from stream.pipeline.codec import CodecError
from stream.runtime.encoder_service.messages import (
    REPLIES,
    REQUESTS,
    DropFrame,
    EncodeFailed,
    EncodeRequest,
    PutFrame,
)
from stream.runtime.encoder_service.shared import Result, SharedEncoder
from stream.runtime.services.messages import Goodbye, Hello
from tests.support.spy_encoder import Spy

ANN, BOB = b"1-ann", b"1-bob"


def frame(number: int) -> UInt8:
    """A frame of one pixel that knows its number."""
    return np.array([[[number // 256, number % 256, 0]]], np.uint8)


def fill(shared: SharedEncoder, client: bytes, numbers: range) -> None:
    """A client's frames, each in the slot of its number."""
    for number in numbers:
        shared.put(client, number, frame(number))


def first_frames(answers: Iterator[Result]) -> list[tuple[bytes, int, list[float]]]:
    """Of each answer who gets it, to what, and the number of each window's first frame."""
    return [
        (answer.client, answer.request, [float(embedding.temporal[0, 0]) for embedding in answer.embeddings])
        for answer in answers
    ]


def test_windows_of_two_clients_go_together_and_come_apart() -> None:
    """What both have asked for by then is one batch, and each gets its own; slots of one name are two frames."""
    spy = Spy(frames=2)
    shared = SharedEncoder(spy, batch_max=4)
    fill(shared, ANN, range(4))
    shared.put(BOB, 0, frame(100))
    shared.put(BOB, 1, frame(101))
    shared.request(ANN, 7, [[0, 1], [2, 3]])
    shared.request(BOB, 7, [[0, 1]])
    assert first_frames(shared.step()) == [(ANN, 7, [0.0, 2.0]), (BOB, 7, [100.0])]
    assert (spy.batches, shared.shared_batches) == ([3], 1)


@pytest.mark.parametrize("waits", [False, True])
def test_each_request_has_its_part_of_the_devices_time(*, waits: bool) -> None:
    """A window takes a second, whether ``encode`` waits for it or the device works later, one batch after the other.

    What the device did before the first batch is in none; a batch's time is divided by windows.
    """
    ready: set[int] = set()
    spy = Spy(frames=2, ready=None if waits else ready)
    spy.facts = lambda: {  # type: ignore[method-assign]
        "device_busy_s": 9.0 + sum(size for number, size in enumerate(spy.batches) if waits or number in ready)
    }
    spy.batches.append(1)
    ready.add(0)
    shared = SharedEncoder(spy, batch_max=3)
    fill(shared, ANN, range(4))
    fill(shared, BOB, range(2))
    shared.request(ANN, 1, [[0, 1], [2, 3]])
    shared.request(BOB, 1, [[0, 1]])
    shared.request(BOB, 2, [[0, 1]])
    results: list[Result] = list(shared.step())
    for number in (1, 2):
        ready.add(number)
        results += shared.step()
    assert [(each.client, each.device_s) for each in results] == [(ANN, 2.0), (BOB, 1.0), (BOB, 1.0)]


def test_a_request_is_not_parted_and_a_batch_not_overfilled() -> None:
    """Requests keep their order; the one that would not fit begins the next batch."""
    spy = Spy(frames=2)
    shared = SharedEncoder(spy, batch_max=2)
    fill(shared, ANN, range(2))
    for request, windows in enumerate([1, 2, 1, 3]):
        shared.request(ANN, request, [[0, 1]] * windows)
    steps = [[request for _, request, _ in first_frames(shared.step())] for _ in range(2)]
    assert steps == [[0, 1], [2, 3]]
    assert spy.batches == [1, 2, 1, 3]


def test_frames_of_a_waiting_request_outlive_their_drop() -> None:
    """The device has two batches under way; what waits behind them may be dropped by its owner meanwhile."""
    spy = Spy(frames=2, ready=set())
    shared = SharedEncoder(spy, batch_max=1)
    fill(shared, ANN, range(6))
    for request in range(3):
        shared.request(ANN, request, [[2 * request, 2 * request + 1]])
    assert list(shared.step()) == []
    for slot in range(6):
        shared.drop(ANN, slot)
    assert spy.ready is not None
    spy.ready |= {0, 1, 2}
    answers = first_frames(shared.step()) + first_frames(shared.step())
    assert answers == [(ANN, 0, [0.0]), (ANN, 1, [2.0]), (ANN, 2, [4.0])]
    assert not shared.is_busy


def test_what_a_client_leaves_is_let_go() -> None:
    """Of a client that has gone nothing is begun, and its frames make room."""
    spy = Spy(frames=2, ready=set())
    shared = SharedEncoder(spy, batch_max=1)
    fill(shared, ANN, range(2))
    fill(shared, BOB, range(2))
    for client in (ANN, ANN, BOB, ANN):
        shared.request(client, 0, [[0, 1]])
    assert list(shared.step()) == []
    shared.remove(BOB)
    assert shared.clients == {ANN}
    assert spy.ready is not None
    spy.ready |= {0, 1, 2}
    assert [client for client, *_ in first_frames(shared.step())] == [ANN, ANN]
    assert [client for client, *_ in first_frames(shared.step())] == [ANN]


def test_a_request_with_missing_frames_is_ignored() -> None:
    """It was meant for the process before this one; a frame that comes a second time takes the first one's place."""
    spy = Spy(frames=2)
    shared = SharedEncoder(spy, batch_max=1)
    shared.request(ANN, 0, [[0, 1]])
    shared.drop(ANN, 5)
    assert not shared.is_busy
    shared.put(ANN, 0, frame(9))
    fill(shared, ANN, range(2))
    shared.request(ANN, 0, [[0, 1]])
    assert first_frames(shared.step()) == [(ANN, 0, [0.0])]


class Full(Spy):
    """Has no memory for anything."""

    def encode(self, window: UInt8) -> ClipEmbedding:
        raise MemoryError(f"no room for {len(window)} frames")


def test_full_memory_is_reported_to_every_client_of_the_batch() -> None:
    """The encoder has halved the batch already: what does not fit now will not fit later."""
    shared = SharedEncoder(Full(frames=2), batch_max=2)
    fill(shared, ANN, range(2))
    fill(shared, BOB, range(2))
    shared.request(ANN, 0, [[0, 1]])
    shared.request(BOB, 0, [[0, 1]])
    failures = [(answer.client, str(answer.failure)) for answer in shared.step()]
    assert failures == [(ANN, "no room for 2 frames"), (BOB, "no room for 2 frames")]


def noise(count: int) -> UInt8:
    """Frames that differ."""
    frames: UInt8 = np.random.default_rng(0).integers(0, 256, (count, 256, 256, 3), np.uint8)
    return frames


def test_messages_of_the_service_are_typed() -> None:
    """Requests and replies arrive as they were sent; a reply is not a request."""
    put = PutFrame(3, noise(1)[0])
    back = REQUESTS.decode(REQUESTS.encode(put))
    assert isinstance(back, PutFrame)
    assert back.slot == 3
    np.testing.assert_array_equal(back.rgb, put.rgb)
    for request in (Hello(), Goodbye(), DropFrame(3), EncodeRequest(4, [[3, 3]])):
        assert REQUESTS.decode(REQUESTS.encode(request)) == request
    failed = EncodeFailed(instance="a", facts={"n": 1}, request=4, reason="full", is_out_of_memory=True)
    assert REPLIES.decode(REPLIES.encode(failed)) == failed
    with pytest.raises(CodecError, match="unknown kind 'EncodeFailed'"):
        REQUESTS.decode(REPLIES.encode(failed))
