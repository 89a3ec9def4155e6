"""The hops between processes: ZeroMQ PUSH/PULL over ipc, each queue bounded in bytes.

ZeroMQ bounds queues by count, so a hop's high-water mark is its byte budget over its largest legal message,
and the receiver drops the connection of a sender that exceeds that. Half of the budget lies on either side.

How many items wait in a hop ZeroMQ does not say: the sender counts what it has sent where the receiver sees it, which
knows what it has taken. How long an item has waited stands before its message, as the time when it was sent, on the
clock that all processes share.
"""

import math
import struct
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import zmq

from stream.errors import EgocleanError
from stream.pipeline.codec import CodecError
from stream.pipeline.items import Item, WireItem
from stream.runtime import wire
from stream.runtime.shared_counter import SharedCounter

_POLL_MS = 100
_SENT_AT = struct.Struct("<d")
"""Seconds of the monotonic clock."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One queue between two processes."""

    endpoint: str
    """``ipc://`` path in a directory that only this user can enter."""
    message_bytes_max: int
    """The largest message: a bigger one is a fault of ours and is refused by the sender."""
    queue_bytes: int
    """What may wait in this hop, both sides together."""
    loose: bool = False
    """The receiver may come later than the sender, go and come again, and need not take what is left at the end.

    Nobody waits for it: ``takes_now`` says when to send. What was on its way to a receiver that went is lost.
    """

    @property
    def tally(self) -> Path:
        """The file in which it is counted what was sent."""
        return Path(f"{self.endpoint.removeprefix('ipc://')}.sent")

    @property
    def high_water_mark(self) -> int:
        """Messages on each side: at least one, or nothing would flow."""
        return max(1, self.queue_bytes // (2 * self.message_bytes_max))


class Sender:
    """The sending end of a hop."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], hop: Channel) -> None:
        self._hop = hop
        self._socket = context.socket(zmq.PUSH)
        self._socket.setsockopt(zmq.SNDHWM, hop.high_water_mark)
        self._socket.setsockopt(zmq.IMMEDIATE, 1)  # nothing is queued for a peer that is not there
        self._hung_up = self._socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self._has_sent = False
        self._sent = SharedCounter(hop.tally)
        self._socket.connect(hop.endpoint)

    def send(self, item: Item, while_full: Callable[[], None]) -> None:
        """Send one item, waiting while the queue is full; ``while_full`` is called every 0.1 s of waiting.

        Raises:
            EgocleanError: if the item is larger than the hop allows.
        """
        parts = wire.encode(item)
        size = sum(len(part) for part in parts)
        if size > self._hop.message_bytes_max:
            limit = self._hop.message_bytes_max
            raise EgocleanError(f"a {type(item).__name__} of {size} bytes exceeds its hop's limit of {limit}")
        if not self._hop.loose:
            self.wait_for_room(while_full)
        sent_at = _SENT_AT.pack(time.monotonic())
        flags = zmq.NOBLOCK if self._hop.loose else 0
        with suppress(zmq.Again):  # the receiver of a loose hop has gone this very moment
            self._socket.send_multipart([sent_at, *parts], flags, copy=size < zmq.COPY_THRESHOLD)
            self._sent.add()
        self._has_sent = True

    def takes_now(self) -> bool:
        """Whether an item can be sent: in a loose hop, only while its receiver is there and has room."""
        return not self._hop.loose or bool(self._socket.poll(0, zmq.POLLOUT))

    def wait_for_room(self, while_full: Callable[[], None]) -> None:
        """Wait until the next process is there and takes more; ``while_full`` is called every 0.1 s of waiting."""
        while not self._socket.poll(_POLL_MS, zmq.POLLOUT):
            while_full()

    def wait_until_taken(self) -> None:
        """Wait until the receiver has taken all and hung up; in a loose hop it need not.

        A sender that leaves first loses what is on its way: while the receiver's queue is full libzmq does not read,
        and takes the end of the connection for the end of what was sent.
        """
        if self._has_sent and not self._hop.loose:
            self._hung_up.poll()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        """Wait until all is sent; after an error, or in a loose hop, drop what is still queued."""
        self.close(linger=-1 if kind is None and not self._hop.loose else 0)

    def close(self, linger: int = 0) -> None:
        """Send nothing more, and drop what is still queued after ``linger`` ms, -1: never."""
        self._socket.disable_monitor()
        self._hung_up.close(linger=0)
        self._socket.close(linger=linger)


class Receiver:
    """The receiving end of a hop."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], hop: Channel) -> None:
        self._socket = context.socket(zmq.PULL)
        self._socket.setsockopt(zmq.RCVHWM, hop.high_water_mark)
        self._socket.setsockopt(zmq.MAXMSGSIZE, hop.message_bytes_max)
        self._sent = SharedCounter(hop.tally)
        self._taken = self._sent.value
        """With what was lost with a receiver before this one."""
        self._socket.bind(hop.endpoint)
        self.waited_s = 0.0
        """How long the last item had lain in the hop."""

    @property
    def waiting(self) -> int:
        """Items that were sent and are not yet taken."""
        return max(0, self._sent.value - self._taken)

    @property
    def socket(self) -> zmq.Socket[bytes]:
        """For waiting on several inlets at once."""
        return self._socket

    def receive(self, timeout_ms: int) -> WireItem | None:
        """The next item, or None if there is none within ``timeout_ms``.

        Raises:
            CodecError: if the message is not one of ours.
        """
        if not self._socket.poll(timeout_ms, zmq.POLLIN):
            return None
        self._taken += 1
        sent_at, *parts = [frame.buffer for frame in self._socket.recv_multipart(copy=False)]
        if len(sent_at) != _SENT_AT.size:
            raise CodecError(f"a message begins with {len(sent_at)} bytes, expected the {_SENT_AT.size} of a time")
        self.waited_s = max(0.0, time.monotonic() - _SENT_AT.unpack(sent_at)[0])
        return wire.decode(parts)

    def has_item(self) -> bool:
        """Whether an item waits."""
        return bool(self._socket.poll(0, zmq.POLLIN))

    def close(self) -> None:
        """Take nothing more: the sender may go."""
        self._socket.close(linger=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def first_waiting(inlets: Sequence[Receiver], timeout_s: float) -> Receiver | None:
    """The first of the inlets at which an item waits, or None if none comes within ``timeout_s``."""
    poller = zmq.Poller()
    for inlet in inlets:
        poller.register(inlet.socket, zmq.POLLIN)
    waiting = dict(poller.poll(math.ceil(timeout_s * 1000)))
    return next((inlet for inlet in inlets if inlet.socket in waiting), None)
