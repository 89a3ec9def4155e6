"""Hops deliver in order and hold no more than their bytes."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import msgpack
import numpy as np
import pytest
import zmq

from stream.errors import EgocleanError
from stream.pipeline.codec import CodecError
from stream.pipeline.items import Embedding, EncoderFrame, End, Keyframe
from stream.runtime import channels
from stream.runtime.channels import Channel, Receiver, Sender, first_waiting

TILE_BYTES = 64 * 64 * 3


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    """A context that is ended with the test."""
    with zmq.Context[zmq.Socket[bytes]]() as context:
        yield context


def frame(index: int) -> EncoderFrame:
    """A frame that knows its number."""
    return EncoderFrame(index, index / 30, 1 / 30, np.full((64, 64, 3), index % 256, np.uint8))


def never() -> None:
    """For a queue that must have room."""
    raise AssertionError("the queue was full")


def test_items_arrive_in_order(context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path) -> None:
    """What goes in comes out, in order, End last."""
    hop = Channel(f"ipc://{tmp_path}/hop", 2 * TILE_BYTES, 64 * TILE_BYTES)
    with Receiver(context, hop) as inlet, Sender(context, hop) as outlet:
        for index in range(10):
            outlet.send(frame(index), never)
        outlet.send(End("end_of_stream", 1.0, 10), never)
        received = [inlet.receive(30_000) for _ in range(11)]
    assert [item.index for item in received if isinstance(item, EncoderFrame)] == list(range(10))
    assert isinstance(received[-1], End)


def test_queue_is_bounded_by_bytes(context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path) -> None:
    """With a receiver that takes nothing, the sender is held back before the budget is exceeded."""
    budget = 64 * TILE_BYTES
    hop = Channel(f"ipc://{tmp_path}/hop", TILE_BYTES + 1024, budget)
    sent = 0

    class FullError(Exception):
        pass

    def full() -> None:
        raise FullError

    def fill(outlet: Sender) -> None:
        nonlocal sent
        for sent in range(10_000):
            outlet.send(frame(sent), full)

    with Receiver(context, hop), Sender(context, hop) as outlet:
        with pytest.raises(FullError):
            fill(outlet)
        outlet._socket.setsockopt(zmq.LINGER, 0)
    kernel_bytes = 2 * 212_992  # the ipc socket's own buffers, Linux's default
    assert 0 < sent * TILE_BYTES <= budget + kernel_bytes


def test_slow_receiver_gets_what_a_sender_has_left(context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path) -> None:
    """A sender that stays until its receiver has gone loses nothing, though the queue was full when it had no more."""
    hop = Channel(f"ipc://{tmp_path}/hop", 4 * TILE_BYTES, 4 * TILE_BYTES)
    finished = Event()

    def send_all() -> None:
        with zmq.Context[zmq.Socket[bytes]]() as senders:
            with Sender(senders, hop) as outlet:
                for index in range(8):
                    outlet.send(frame(index), lambda: None)
                outlet.wait_until_taken()
            finished.set()

    with Receiver(context, hop) as inlet:
        Thread(target=send_all).start()
        assert not finished.wait(0.3)
        received = [inlet.receive(30_000) for _ in range(8)]
        inlet.close()
        assert finished.wait(60)
    assert [item.index for item in received if isinstance(item, EncoderFrame)] == list(range(8))


def test_first_inlet_with_an_item_is_found(context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path) -> None:
    """Of several inlets the first one at which something waits is given, and none where nothing does."""
    hops = [Channel(f"ipc://{tmp_path}/{number}", 1000, 10_000) for number in range(2)]
    with (
        Receiver(context, hops[0]) as one,
        Receiver(context, hops[1]) as other,
        Sender(context, hops[0]) as to_one,
        Sender(context, hops[1]) as to_other,
    ):
        assert first_waiting([one, other], 0) is None
        to_other.send(End("end_of_stream", 1.0, 10), never)
        assert first_waiting([one, other], 5000) is other
        to_one.send(End("end_of_stream", 1.0, 10), never)
        assert first_waiting([one], 5000) is one
        assert first_waiting([one, other], 0) is one


def test_loose_channel_never_blocks(tmp_path: Path) -> None:
    """A loose hop takes items only while its receiver is there, and nothing of the one before reaches the next."""
    hop = Channel(f"ipc://{tmp_path}/hop", 1000, 10_000, loose=True)
    with zmq.Context[zmq.Socket[bytes]]() as context, Sender(context, hop) as outlet:
        assert not outlet.takes_now()
        outlet.send(End("end_of_stream", 0.0, 0), never)
        for number in (1, 2):
            with zmq.Context[zmq.Socket[bytes]]() as receivers, Receiver(receivers, hop) as inlet:
                outlet.wait_for_room(lambda: None)
                for _ in range(3):
                    outlet.send(End("end_of_stream", float(number), number), never)
                assert inlet.receive(30_000) == End("end_of_stream", float(number), number)
            deadline = time.monotonic() + 30
            while outlet.takes_now():  # it has not seen yet that the receiver went
                assert time.monotonic() < deadline


def test_receiver_knows_how_many_wait(context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path) -> None:
    """What was sent and not taken is counted, whichever side of the hop it lies on; a later receiver begins at none."""
    hop = Channel(f"ipc://{tmp_path}/hop", 1000, 10_000)
    inlet = Receiver(context, hop)
    with Sender(context, hop) as outlet:
        assert inlet.waiting == 0
        for _ in range(3):
            outlet.send(End("end_of_stream", 1.0, 10), never)
        assert inlet.waiting == 3
        assert inlet.receive(30_000) is not None
        assert inlet.waiting == 2
        inlet.close()
        with Receiver(context, hop) as later:
            assert later.waiting == 0


def test_oversized_item_is_refused(context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path) -> None:
    """An item above the hop's largest message is an error at the sender, not a lost message."""
    hop = Channel(f"ipc://{tmp_path}/hop", 1000, 10_000)
    with (
        Receiver(context, hop),
        Sender(context, hop) as outlet,
        pytest.raises(EgocleanError, match="exceeds its channel's limit"),
    ):
        outlet.send(frame(0), never)


def test_foreign_message_is_refused(context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path) -> None:
    """A peer that speaks another protocol gets a CodecError, not an item."""
    hop = Channel(f"ipc://{tmp_path}/hop", 1000, 10_000)
    with Receiver(context, hop) as inlet, context.socket(zmq.PUSH) as stranger:
        stranger.connect(hop.endpoint)
        stranger.send(b"hello")
        with pytest.raises(CodecError):
            inlet.receive(30_000)


def test_nothing_is_lost_on_a_receiver_that_is_behind(tmp_path: Path) -> None:
    """A sender that is done leaves nothing behind it on the way, although the receiver's queue is full by then."""
    hop = Channel(f"ipc://{tmp_path}/hop", TILE_BYTES + 1024, 8 * TILE_BYTES)
    handed_over = threading.Event()

    def send_all() -> None:
        with zmq.Context[zmq.Socket[bytes]]() as context, Sender(context, hop) as outlet:
            for index in range(6):
                outlet.send(frame(index), lambda: None)
            outlet.send(End("end_of_stream", 1.0, 6), lambda: None)
            handed_over.set()
            outlet.wait_until_taken()

    sender = threading.Thread(target=send_all)
    sender.start()
    with zmq.Context[zmq.Socket[bytes]]() as context, Receiver(context, hop) as inlet:
        assert handed_over.wait(60)
        sender.join(0.3)  # a sender that would leave by itself is given the time to
        received = [inlet.receive(30_000) for _ in range(7)]
    sender.join()
    assert [item.index for item in received if isinstance(item, EncoderFrame)] == list(range(6))
    assert isinstance(received[-1], End)


def test_an_item_knows_how_long_it_has_waited(context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path) -> None:
    """The time that an item lay in the hop is that between its sending and its taking."""
    hop = Channel(f"ipc://{tmp_path}/hop", 1000, 10_000)
    with Receiver(context, hop) as inlet, Sender(context, hop) as outlet:
        before = time.monotonic()
        outlet.send(End("end_of_stream", 1.0, 10), never)
        sent = time.monotonic()
        inlet.socket.poll()
        now_s = time.monotonic()
        assert inlet.receive(30_000)
        assert now_s - sent <= inlet.waited_s <= time.monotonic() - before


def test_collected_items_are_one_message(context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path) -> None:
    """What is collected comes with the item that is sent, in order, and counts as waiting until it is taken."""
    hop = Channel(f"ipc://{tmp_path}/hop", 8 * TILE_BYTES, 64 * TILE_BYTES)
    with Receiver(context, hop) as inlet, Sender(context, hop) as outlet:
        for index in range(3):
            outlet.collect(frame(index), never)
        assert inlet.waiting == 0
        outlet.send(End("end_of_stream", 1.0, 3), never)
        assert inlet.waiting == 4
        first = inlet.receive(30_000)
        assert inlet.has_opened
        assert first_waiting([inlet], 0) is inlet
        received = [first, *(inlet.receive(0) for _ in range(3))]
        assert first_waiting([inlet], 0) is None
        assert inlet.waiting == 0
    assert [item.index for item in received if isinstance(item, EncoderFrame)] == [0, 1, 2]
    assert isinstance(received[-1], End)


def test_a_message_of_several_items_is_small(
    context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Items are collected up to a number of bytes, however fast they come; larger ones are sent by themselves."""
    monkeypatch.setattr(channels, "COLLECT_S", 1e9)
    hop = Channel(f"ipc://{tmp_path}/hop", 100 * TILE_BYTES, 1000 * TILE_BYTES)
    large = EncoderFrame(99, 3.3, 1 / 30, np.zeros((512, 512, 3), np.uint8))
    with context.socket(zmq.PULL) as raw:
        raw.bind(hop.endpoint)
        with Sender(context, hop) as outlet:
            for item in (*(frame(index) for index in range(30)), large):
                outlet.collect(item, never)
            outlet.flush(never)
            messages = [raw.recv_multipart() for _ in range(4)]
    assert [len(msgpack.unpackb(head)[1]) for head, _ in messages] == [10, 10, 10, 1]
    assert all(len(body) <= channels.COLLECTED_BYTES_MAX for _, body in messages[:3])


def test_an_item_is_not_collected_for_long(
    context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the first of the collected items is old, the next one takes it along."""
    monkeypatch.setattr(channels, "COLLECT_S", 0.0)
    hop = Channel(f"ipc://{tmp_path}/hop", 8 * TILE_BYTES, 64 * TILE_BYTES)
    with Receiver(context, hop) as inlet, Sender(context, hop) as outlet:
        outlet.collect(frame(0), never)
        assert inlet.receive(30_000) is not None


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ([msgpack.packb([1.0, [[3, 3]]]), b"one"], "3 bytes, expected the 16"),
        ([msgpack.packb([1.0, [[8]]]), bytes(8), b"more"], "message of 3 parts"),
        ([msgpack.packb([1.0, [["8"]]]), bytes(8)], "message of 2 parts"),
        ([msgpack.packb([1.0, 8]), bytes(8)], "message of 2 parts"),
        ([b"\xc1", bytes(8)], "message of 2 parts"),
        ([b"hello"], "message of 1 parts"),
    ],
)
def test_a_message_of_another_form_is_refused(
    message: list[bytes], fault: str, context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path
) -> None:
    """What is not a time, sizes, and as many bytes is none of ours."""
    hop = Channel(f"ipc://{tmp_path}/hop", 1000, 10_000)
    with Receiver(context, hop) as inlet, context.socket(zmq.PUSH) as stranger:
        stranger.connect(hop.endpoint)
        stranger.send_multipart(message)
        with pytest.raises(CodecError, match=fault):
            inlet.receive(30_000)


def test_arrays_arrive_aligned(context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path) -> None:
    """Items of odd sizes before an array do not put its elements at odd addresses, where work on them is slow."""
    hop = Channel(f"ipc://{tmp_path}/hop", 1000, 10_000)
    with Receiver(context, hop) as inlet, Sender(context, hop) as outlet:
        for size in range(1, 9):
            outlet.collect(Keyframe(1.0, 4, 4, bytes(size)), never)
            outlet.collect(Embedding(size, 1.0, 2.0, np.ones(3, np.float32), np.ones((1, 3), np.float16)), never)
        outlet.flush(never)
        items = [inlet.receive(30_000) for _ in range(16)]
    embeddings = [item for item in items if isinstance(item, Embedding)]
    assert len(embeddings) == 8
    assert all(each.mean.flags.aligned and each.temporal.flags.aligned for each in embeddings)
