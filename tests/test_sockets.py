"""Hops deliver in order and hold no more than their bytes."""

import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import zmq

from stream.errors import EgocleanError
from stream.items import End, Tile
from stream.sockets import Hop, Inlet, Outlet
from stream.wire import WireError

TILE_BYTES = 64 * 64 * 3


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    """A context that is ended with the test."""
    with zmq.Context[zmq.Socket[bytes]]() as context:
        yield context


def tile(index: int) -> Tile:
    """A tile that knows its number."""
    return Tile(index, index / 30, 1 / 30, np.full((64, 64, 3), index % 256, np.uint8))


def never() -> None:
    """For a queue that must have room."""
    raise AssertionError("the queue was full")


class FullError(Exception):
    """There is no room for another item."""


def filled(outlet: Outlet) -> int:
    """Send until there is no room for more; how many tiles that were."""

    def full() -> None:
        if sent:  # else the receiver is not there yet
            raise FullError

    sent = 0
    with suppress(FullError):
        while True:
            outlet.send(tile(sent), full)
            sent += 1
    return sent


def test_items_arrive_in_order(context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path) -> None:
    """What goes in comes out, in order, End last."""
    hop = Hop(f"ipc://{tmp_path}/hop", 2 * TILE_BYTES, 64 * TILE_BYTES)
    with Inlet(context, hop) as inlet, Outlet(context, hop) as outlet:
        for index in range(10):
            outlet.send(tile(index), never)
        outlet.send(End("end_of_stream", 1.0, 10), never)
        got = [inlet.receive(5000) for _ in range(11)]
    assert [item.index for item in got if isinstance(item, Tile)] == list(range(10))
    assert isinstance(got[-1], End)


def test_nothing_is_lost_when_the_sender_is_done_first(tmp_path: Path) -> None:
    """A sender that has filled queue and kernel stays until the receiver has taken it all."""
    hop = Hop(f"ipc://{tmp_path}/hop", TILE_BYTES + 1024, TILE_BYTES)
    sent: queue.SimpleQueue[int] = queue.SimpleQueue()

    def send_all() -> None:
        with zmq.Context[zmq.Socket[bytes]]() as context, Outlet(context, hop) as outlet:
            sent.put(filled(outlet))
            outlet.wait_until_taken()

    sender = threading.Thread(target=send_all, daemon=True)
    with zmq.Context[zmq.Socket[bytes]]() as context, Inlet(context, hop) as inlet:
        sender.start()
        count = sent.get(timeout=30)
        got = [inlet.receive(5000) for _ in range(count)]
        assert sender.is_alive()
    sender.join(30)
    assert not sender.is_alive()
    assert [item.index for item in got if isinstance(item, Tile)] == list(range(count))


def test_queue_is_bounded_by_bytes(context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path) -> None:
    """With a receiver that takes nothing, the sender is held back before the budget is exceeded."""
    budget = 64 * TILE_BYTES
    hop = Hop(f"ipc://{tmp_path}/hop", TILE_BYTES + 1024, budget)
    with Inlet(context, hop), Outlet(context, hop) as outlet:
        sent = filled(outlet)
        outlet._socket.setsockopt(zmq.LINGER, 0)
    kernel_bytes = 2 * 212_992  # the ipc socket's own buffers, Linux's default
    assert 0 < sent * TILE_BYTES <= budget + kernel_bytes


def test_oversized_item_is_refused(context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path) -> None:
    """An item above the hop's largest message is an error at the sender, not a lost message."""
    hop = Hop(f"ipc://{tmp_path}/hop", 1000, 10_000)
    with (
        Inlet(context, hop),
        Outlet(context, hop) as outlet,
        pytest.raises(EgocleanError, match="exceeds its hop's limit"),
    ):
        outlet.send(tile(0), never)


def test_foreign_message_is_refused(context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path) -> None:
    """A peer that speaks another protocol gets a WireError, not an item."""
    hop = Hop(f"ipc://{tmp_path}/hop", 1000, 10_000)
    with Inlet(context, hop) as inlet, context.socket(zmq.PUSH) as stranger:
        stranger.connect(hop.endpoint)
        stranger.send(b"hello")
        with pytest.raises(WireError):
            inlet.receive(5000)
