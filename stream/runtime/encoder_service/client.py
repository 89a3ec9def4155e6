"""The client of the encoder service, with the same contract as an encoder in this process."""

from collections.abc import Sequence
from itertools import chain, count
from typing import Final, TypeAlias

from models.encoders.encoder import (
    ClipEmbedding,
    EncoderFacts,
    UInt8,
    check_frame,
    check_window,
    check_windows,
)
from stream.errors import EgocleanError
from stream.runtime.encoder_service.messages import (
    REPLIES,
    REQUESTS,
    DropFrame,
    Encoded,
    EncodeFailed,
    EncodeRequest,
    EncoderReady,
    PutFrame,
    Reply,
    Request,
)
from stream.runtime.services.connection import Connection
from stream.runtime.services.messages import Hello

_EncoderConnection: TypeAlias = Connection[Request, Reply]


class RemoteEncoder:
    """A ``ClipEncoder`` whose frames and windows go to another process.

    That process may die and be restarted. Everything that is still needed is then sent again, so nothing is lost.
    """

    def __init__(self, endpoint: str) -> None:
        """Wait until the encoder is loaded. If that fails, the parent of both processes ends this one."""
        self._connection: _EncoderConnection = Connection(endpoint, REQUESTS, REPLIES)
        self._connection.send(Hello())
        while not isinstance(ready := self._connection.wait(), EncoderReady):
            continue
        self.name: Final = ready.name
        self.frames: Final = ready.frames
        self.encoder_px: Final = ready.encoder_px
        self._store = RemoteFrameStore(self._connection, self.frames, self.encoder_px)

    def load_s(self) -> float:
        """Time of the encoder's loads of which this is the first client."""
        return self._connection.load_s

    def facts(self) -> EncoderFacts:
        """Facts about the service; the device's time is that for this chain."""
        facts = self._connection.facts
        return {**facts, "device_busy_s": round(self._store.device_s, 6)} if "device_busy_s" in facts else facts

    def encode(self, window: UInt8) -> ClipEmbedding:
        check_window(window, self.frames, self.encoder_px)
        slots = [self._store.put(frame) for frame in window]
        embedding = self._store.encode([slots]).result()[0]
        for slot in slots:
            self._store.drop(slot)
        return embedding

    def frame_store(self) -> "RemoteFrameStore":
        """The one store of this chain."""
        return self._store

    def close(self) -> None:
        self._connection.close()


class RemoteFrameStore:
    """A ``FrameStore`` in another process. Data that may have to be sent again is kept here, too."""

    def __init__(self, connection: _EncoderConnection, frames: int, encoder_px: int) -> None:
        self._connection = connection
        self._frames = frames
        self._encoder_px = encoder_px
        self._numbers = count()
        self._stored: dict[int, UInt8] = {}
        self._dropped: set[int] = set()
        """Dropped slots that pending requests still need."""
        self._pending: dict[int, EncodeRequest] = {}
        """Requests without a reply, by their numbers."""
        self._results: dict[int, Sequence[ClipEmbedding]] = {}
        self.device_s = 0.0
        """Time of the device for the windows of this chain so far."""
        connection.on_restart = self._send_again

    def put(self, frame: UInt8) -> int:
        check_frame(frame, self._encoder_px)
        slot = next(self._numbers)
        self._stored[slot] = frame
        self._connection.send(PutFrame(slot, frame))
        return slot

    def drop(self, slot: int) -> None:
        self._connection.send(DropFrame(slot))
        self._dropped.add(slot)
        self._release()

    def encode(self, windows: Sequence[Sequence[int]]) -> "RemoteEncoding":
        check_windows(windows, self._frames)
        request = EncodeRequest(next(self._numbers), [list(window) for window in windows])
        self._pending[request.request] = request
        self._connection.send(request)
        return RemoteEncoding(self, request.request)

    def is_ready(self, request: int) -> bool:
        """Whether the embeddings of a request have arrived.

        Raises:
            MemoryError: the batch did not fit into the device's memory.
            EgocleanError: the batch could not be embedded.
            WeightsChangedError: the service has loaded other weights than before.
        """
        while request not in self._results and (reply := self._connection.receive(0)) is not None:
            self._take(reply)
        return request in self._results

    def result(self, request: int) -> Sequence[ClipEmbedding]:
        """The embeddings of a request, once; waits for them. Raises as ``is_ready`` does."""
        while request not in self._results:
            if (reply := self._connection.wait()) is not None:
                self._take(reply)
        return self._results.pop(request)

    def _send_again(self) -> None:
        """Send a new process everything that it needs."""
        for slot, frame in self._stored.items():
            self._connection.send(PutFrame(slot, frame))
        for request in self._pending.values():
            self._connection.send(request)
        for slot in self._dropped:
            self._connection.send(DropFrame(slot))

    def _take(self, reply: Reply) -> None:
        if isinstance(reply, EncoderReady) or self._pending.pop(reply.request, None) is None:
            return  # a greeting, or the second reply to a request that was sent twice
        self._release()
        match reply:
            case Encoded():
                pairs = zip(reply.mean, reply.temporal, strict=True)
                self.device_s += reply.device_s
                self._results[reply.request] = [ClipEmbedding(*pair) for pair in pairs]
            case EncodeFailed():
                error = MemoryError if reply.is_out_of_memory else EgocleanError
                raise error(f"the shared encoder failed: {reply.reason}")

    def _release(self) -> None:
        """Release the dropped frames that no pending request needs."""
        windows = chain.from_iterable(request.windows for request in self._pending.values())
        needed = set(chain.from_iterable(windows))
        for slot in self._dropped - needed:
            del self._stored[slot]
        self._dropped &= needed


class RemoteEncoding:
    """A batch that another process embeds."""

    def __init__(self, store: RemoteFrameStore, request: int) -> None:
        self._store = store
        self._request = request

    def ready(self) -> bool:
        return self._store.is_ready(self._request)

    def result(self) -> Sequence[ClipEmbedding]:
        return self._store.result(self._request)
