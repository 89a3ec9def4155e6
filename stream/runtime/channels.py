"""Channels between processes: ZeroMQ PUSH/PULL over ipc, each queue bounded in bytes.

ZeroMQ bounds queues by count, so a channel's high-water mark is its byte budget divided by its largest legal message,
and the receiver drops the connection of a sender that exceeds that. Each side has half of the budget.

A message wakes up a thread of ZeroMQ on either side, and the receiver: for a small frame that costs more CPU time than
its bytes do. So a sender with more items to come collects small ones, for at most ``COLLECT_S``, and sends them as one
message (``stream.runtime.messages``), with the time at which it was sent: the receiver knows how long it has waited.

ZeroMQ does not report how many items wait in a channel. So the sender counts what it has sent in a file that both map
into memory, and the receiver knows what it has taken.
"""

import math
import mmap
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self, get_args

import zmq

from stream.errors import EgocleanError
from stream.pipeline.codec import Buffer, Codec
from stream.pipeline.facts import IdleSpan
from stream.pipeline.items import Item, WireItem
from stream.pipeline.state import PackedState
from stream.runtime.messages import items_of, message_of, size_of

COLLECT_S: Final = 0.02
"""An item that is collected is sent with the first one that comes after this time."""
COLLECTED_BYTES_MAX: Final = 128 * 1024
"""A message of several items is no larger."""
_POLL_MS = 100
_CODEC: Final[Codec[WireItem]] = Codec(*get_args(WireItem), nested=(IdleSpan, PackedState))


class SharedCounter:
    """A number that one process counts up and another reads: eight bytes of a file that both map into memory.

    It continues from what the file holds. One process at a time may add.
    """

    def __init__(self, path: Path) -> None:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(file, 8)
            self._number = memoryview(mmap.mmap(file, 8)).cast("Q")  # aligned: written in one piece
        finally:
            os.close(file)

    @property
    def value(self) -> int:
        return self._number[0]

    def add(self, count: int) -> None:
        """Count up."""
        self._number[0] += count


@dataclass(frozen=True, slots=True)
class Channel:
    """One queue between two processes."""

    endpoint: str
    """``ipc://`` path in a directory that only this user can enter."""
    message_bytes_max: int
    """The largest message. A larger one is a bug, and the sender refuses it."""
    queue_bytes: int
    """Maximum bytes that wait in the channel, on both sides together."""
    loose: bool = False
    """The receiver may start after the sender, exit and be restarted, and need not take what is left at the end.

    Nothing waits for it: send only while ``takes_now`` is true. Items on their way to a receiver that exits are lost.
    """

    @property
    def counter(self) -> Path:
        """The file that counts the items sent."""
        return Path(f"{self.endpoint.removeprefix('ipc://')}.sent")

    @property
    def collected_bytes_max(self) -> int:
        """The largest message of several items."""
        return min(COLLECTED_BYTES_MAX, self.message_bytes_max)

    @property
    def high_water_mark(self) -> int:
        """Messages on each side: at least one, or nothing would flow."""
        return max(1, self.queue_bytes // (2 * self.message_bytes_max))


class Sender:
    """The sending end of a channel."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], channel: Channel) -> None:
        self._channel = channel
        self._socket = context.socket(zmq.PUSH)
        self._socket.setsockopt(zmq.SNDHWM, channel.high_water_mark)
        self._socket.setsockopt(zmq.IMMEDIATE, 1)  # nothing is queued for a peer that is not there
        self._disconnects = self._socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self._has_sent = False
        self._sent = SharedCounter(channel.counter)
        self._collected: list[list[Buffer]] = []
        """The parts of each item of the next message."""
        self._collected_bytes = 0
        self._collected_since = 0.0
        self._socket.connect(channel.endpoint)

    def send(self, item: Item, while_full: Callable[[], None]) -> None:
        """Send an item after those that were collected.

        It waits while the queue is full; ``while_full`` is called every 0.1 s of waiting.

        Raises:
            EgocleanError: the item is larger than the channel allows.
        """
        self.collect(item, while_full)
        self.flush(while_full)

    def collect(self, item: Item, while_full: Callable[[], None]) -> None:
        """Send an item with those that come next; in a loose channel at once. Call ``flush`` when none comes soon.

        Raises:
            EgocleanError: the item is larger than the channel allows.
        """
        parts = encode(item)
        size = size_of(parts)
        if size > self._channel.message_bytes_max:
            limit = self._channel.message_bytes_max
            raise EgocleanError(f"a {type(item).__name__} of {size} bytes exceeds its channel's limit of {limit}")
        if self._collected_bytes + size > self._channel.collected_bytes_max:
            self.flush(while_full)
        now = time.monotonic()
        if not self._collected:
            self._collected_since = now
        self._collected.append(parts)
        self._collected_bytes += size
        if self._channel.loose or now - self._collected_since >= COLLECT_S:
            self.flush(while_full)

    def flush(self, while_full: Callable[[], None]) -> None:
        """Send what was collected, as ``send``."""
        if not self._collected:
            return
        if not self._channel.loose:
            self.wait_for_room(while_full)
        message = message_of(time.monotonic(), self._collected)
        flags = zmq.NOBLOCK if self._channel.loose else 0
        with suppress(zmq.Again):  # the receiver of a loose channel has just exited
            is_small = self._collected_bytes < COLLECTED_BYTES_MAX
            self._socket.send_multipart(message, flags, copy=is_small)
            self._sent.add(len(self._collected))
        self._has_sent = True
        self._collected.clear()
        self._collected_bytes = 0

    def takes_now(self) -> bool:
        """Whether an item can be sent: in a loose channel, only while its receiver runs and has room."""
        return not self._channel.loose or bool(self._socket.poll(0, zmq.POLLOUT))

    def wait_for_room(self, while_full: Callable[[], None]) -> None:
        """Wait until the next process runs and has room; ``while_full`` is called every 0.1 s of waiting."""
        while not self._socket.poll(_POLL_MS, zmq.POLLOUT):
            while_full()

    def wait_until_taken(self) -> None:
        """Wait until the receiver has taken all and disconnected; that of a loose channel need not.

        A sender that exits first loses what is on its way: while the receiver's queue is full, libzmq does not read,
        and takes the end of the connection for the end of what was sent.
        """
        if self._has_sent and not self._channel.loose:
            self._disconnects.poll()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        """Wait until all is sent; after an error, or in a loose channel, drop what is still queued."""
        self.close(linger=-1 if kind is None and not self._channel.loose else 0)

    def close(self, linger: int = 0) -> None:
        """Send nothing more, and drop what is still queued after ``linger`` ms; -1: never."""
        self._socket.disable_monitor()
        self._disconnects.close(linger=0)
        self._socket.close(linger=linger)


class Receiver:
    """The receiving end of a channel."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], channel: Channel) -> None:
        self._socket = context.socket(zmq.PULL)
        self._socket.setsockopt(zmq.RCVHWM, channel.high_water_mark)
        self._socket.setsockopt(zmq.MAXMSGSIZE, channel.message_bytes_max)
        self._sent = SharedCounter(channel.counter)
        self._taken = self._sent.value
        """With the items that were lost with an earlier receiver."""
        self._socket.bind(channel.endpoint)
        self._items: deque[list[Buffer]] = deque()
        """The parts of each item of the last message that was not taken yet."""
        self._sent_at = 0.0
        self.waited_s = 0.0
        """How long the last item waited in the channel."""

    @property
    def waiting(self) -> int:
        """Items sent and not taken yet."""
        return max(0, self._sent.value - self._taken)

    @property
    def socket(self) -> zmq.Socket[bytes]:
        """For waiting on several receivers at once."""
        return self._socket

    def receive(self, timeout_ms: int) -> WireItem | None:
        """The next item, or None if there is none within ``timeout_ms``.

        Raises:
            CodecError: the message is not one of ours.
        """
        if not self._items:
            if not self._socket.poll(timeout_ms, zmq.POLLIN):
                return None
            self._sent_at, items = items_of([frame.buffer for frame in self._socket.recv_multipart(copy=False)])
            self._items.extend(items)
        self._taken += 1
        self.waited_s = max(0.0, time.monotonic() - self._sent_at)
        return decode(self._items.popleft())

    def has_item(self) -> bool:
        """Whether an item waits."""
        return self.has_opened or bool(self._socket.poll(0, zmq.POLLIN))

    @property
    def has_opened(self) -> bool:
        """Whether items are left of the message that was received last."""
        return bool(self._items)

    def close(self) -> None:
        """Take nothing more: the sender may exit."""
        self._socket.close(linger=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def first_waiting(receivers: Sequence[Receiver], timeout_s: float) -> Receiver | None:
    """The first of the receivers at which an item waits, or None if none comes within ``timeout_s``."""
    if any(receiver.has_opened for receiver in receivers):
        return next(receiver for receiver in receivers if receiver.has_item())
    poller = zmq.Poller()
    for receiver in receivers:
        poller.register(receiver.socket, zmq.POLLIN)
    waiting = dict(poller.poll(math.ceil(timeout_s * 1000)))
    return next((receiver for receiver in receivers if receiver.socket in waiting), None)


def encode(item: Item) -> list[Buffer]:
    """The parts to send. Arrays are not copied: do not change them before they are sent.

    Raises:
        CodecError: for an item that may not leave its process.
    """
    return _CODEC.encode(item)  # type: ignore[arg-type]  # the codec refuses the others


def decode(parts: Sequence[Buffer]) -> WireItem:
    """The item in a received message. Its arrays are read-only views of the message's own memory.

    Raises:
        CodecError: the message is not what ``encode`` makes.
    """
    return _CODEC.decode(parts)
