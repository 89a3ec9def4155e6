"""What stands in a chain for an encoder that another process holds."""

import os
import uuid
from collections.abc import Callable, Sequence
from itertools import chain, count
from typing import Final

import numpy as np
import zmq

from models.encoders.encoder import (
    ClipEmbedding,
    Facts,
    Float16,
    Float32,
    UInt8,
    check_frame,
    check_window,
    check_windows,
)
from stream.errors import EgocleanError
from stream.pipeline.state import State, take
from stream.runtime.encoder_service.messages import DONE, DROP, ENCODE, HELLO, HERE, PUT, QUEUE_MESSAGES, receive, send

_KNOCK_EVERY_MS: Final = 1000
"""So often a chain that waits asks whether anybody is there: perhaps it is another process by now."""


class Link:
    """The way to that process, and the way back."""

    def __init__(self, endpoint: str) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.IDENTITY, f"{os.getpid()}-{uuid.uuid4().hex[:8]}".encode())
        self._socket.setsockopt(zmq.SNDHWM, QUEUE_MESSAGES)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(endpoint)
        self._instance = ""
        self.facts: Facts = {}
        """Of the encoder, as of the last word heard."""
        self.on_another: Callable[[], None] = lambda: None
        """Called when another process answers than before."""

    def say(self, message: State, frame: UInt8 | None = None) -> None:
        """Send a message; waits while the other side is behind, or away."""
        send(self._socket, message, None if frame is None else np.ascontiguousarray(frame).data)

    def hear(self, timeout_ms: int) -> State | None:
        """What has been said within that time, if anything."""
        if not self._socket.poll(timeout_ms):
            return None
        message, _ = receive(self._socket.recv_multipart())
        self.facts = take(message, "facts", dict)
        before, self._instance = self._instance, take(message, "instance", str)
        if before not in ("", self._instance):
            self.on_another()
        return message

    def wait(self) -> State | None:
        """What is said within a second; where it is nothing, ask whether anybody is there."""
        if (message := self.hear(_KNOCK_EVERY_MS)) is None:
            self.say({"say": HELLO})
        return message

    def close(self) -> None:
        self._socket.close()
        self._context.term()


class ServedEncoder:
    """A ``ClipEncoder`` whose frames and windows go to another process.

    That process may die and be started again: what is still needed is then sent once more, and nothing is lost.
    """

    def __init__(self, endpoint: str) -> None:
        """Wait until the encoder is loaded; whoever started its process ends this one where that fails."""
        self._link = Link(endpoint)
        self._link.say({"say": HELLO})
        while (here := self._link.wait()) is None or here["say"] != HERE:
            continue
        self.name: Final = take(here, "name", str)
        self.frames: Final = take(here, "frames", int)
        self.encoder_px: Final = take(here, "encoder_px", int)
        self._stored = RemoteFrameStore(self._link, self.frames, self.encoder_px)

    def facts(self) -> Facts:
        """Of that process, all its chains together."""
        return self._link.facts

    def encode(self, window: UInt8) -> ClipEmbedding:
        check_window(window, self.frames, self.encoder_px)
        slots = [self._stored.put(frame) for frame in window]
        embedding = self._stored.encode([slots]).result()[0]
        for slot in slots:
            self._stored.drop(slot)
        return embedding

    def frame_store(self) -> "RemoteFrameStore":
        """The one store of this chain."""
        return self._stored

    def close(self) -> None:
        self._link.close()


class RemoteFrameStore:
    """A ``FrameStore`` in another process; what may have to be sent again is kept here, too."""

    def __init__(self, link: Link, frames: int, encoder_px: int) -> None:
        self._link = link
        self._frames = frames
        self._encoder_px = encoder_px
        self._numbers = count()
        self._stored: dict[int, UInt8] = {}
        self._dropped: set[int] = set()
        """Slots that only requests without an answer need."""
        self._asked: dict[int, Sequence[Sequence[int]]] = {}
        self._answers: dict[int, Sequence[ClipEmbedding]] = {}
        link.on_another = self._send_again

    def put(self, frame: UInt8) -> int:
        check_frame(frame, self._encoder_px)
        slot = next(self._numbers)
        self._stored[slot] = frame
        self._link.say({"say": PUT, "slot": slot}, frame)
        return slot

    def drop(self, slot: int) -> None:
        self._link.say({"say": DROP, "slot": slot})
        self._dropped.add(slot)
        self._forget()

    def encode(self, windows: Sequence[Sequence[int]]) -> "Served":
        check_windows(windows, self._frames)
        request = next(self._numbers)
        self._asked[request] = [list(window) for window in windows]
        self._ask(request)
        return Served(self, request)

    def is_answered(self, request: int) -> bool:
        """Whether its answer is here.

        Raises:
            MemoryError: the batch did not fit into the device's memory.
            EgocleanError: it could not be embedded.
        """
        while request not in self._answers and (message := self._link.hear(0)) is not None:
            self._note(message)
        return request in self._answers

    def answer(self, request: int) -> Sequence[ClipEmbedding]:
        """The answer, once; waits for it. It raises as ``is_answered`` does."""
        while request not in self._answers:
            if (message := self._link.wait()) is not None:
                self._note(message)
        return self._answers.pop(request)

    def _ask(self, request: int) -> None:
        self._link.say({"say": ENCODE, "request": request, "windows": self._asked[request]})

    def _send_again(self) -> None:
        """Tell another process all that it needs to know."""
        for slot, frame in self._stored.items():
            self._link.say({"say": PUT, "slot": slot}, frame)
        for request in self._asked:
            self._ask(request)
        for slot in self._dropped:
            self._link.say({"say": DROP, "slot": slot})

    def _note(self, message: State) -> None:
        request = message.get("request")
        if not isinstance(request, int) or self._asked.pop(request, None) is None:
            return  # a greeting, or the second answer to what was asked twice
        self._forget()
        if message["say"] == DONE:
            mean: Float32 = take(message, "mean", np.ndarray)
            temporal: Float16 = take(message, "temporal", np.ndarray)
            self._answers[request] = [ClipEmbedding(*pair) for pair in zip(mean, temporal, strict=True)]
            return
        error = MemoryError if message.get("memory") else EgocleanError
        raise error(f"the shared encoder failed: {message.get('why')}")

    def _forget(self) -> None:
        """Let the dropped frames go that no request without an answer needs."""
        needed = set(chain.from_iterable(chain.from_iterable(self._asked.values())))
        for slot in self._dropped - needed:
            del self._stored[slot]
        self._dropped &= needed


class Served:
    """A batch that another process embeds."""

    def __init__(self, frames: RemoteFrameStore, request: int) -> None:
        self._stored = frames
        self._request = request

    def ready(self) -> bool:
        return self._stored.is_answered(self._request)

    def result(self) -> Sequence[ClipEmbedding]:
        return self._stored.answer(self._request)
