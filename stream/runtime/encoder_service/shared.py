"""Batches windows of several chains: assigns frames and embeddings to clients. It uses no sockets."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from models.encoders.encoder import ClipEmbedding, ClipEncoder, Encoding, UInt8, check_frame

UNDER_WAY_MAX: Final = 2
"""Batches that the device works on at once: one runs, and the next one is ready."""


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """Windows that one chain wants embedded."""

    client: bytes
    request: int
    windows: tuple[tuple[int, ...], ...]
    """Slots of the shared store."""

    @property
    def slots(self) -> set[int]:
        return set(chain.from_iterable(self.windows))


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a request: its embeddings, or its failure."""

    client: bytes
    request: int
    embeddings: Sequence[ClipEmbedding] = ()
    device_s: float = 0.0
    """Time of the device for these windows: their share of the batch's."""
    failure: Exception | None = None


@dataclass(slots=True)
class _BatchUnderWay:
    """Requests that are embedded together."""

    encoding: Encoding
    requests: Sequence[PendingRequest]
    device_s: float = 0.0
    """Time that the device is known to have worked on it."""


class SharedEncoder:
    """Combines the requests of all clients into batches.

    No request waits for others: a batch holds the requests that have arrived when the device has room, in that order.
    """

    def __init__(self, encoder: ClipEncoder, batch_max: int) -> None:
        """A batch has at most ``batch_max`` windows, but a single request is never split."""
        self._encoder = encoder
        self._encoder_px = encoder.encoder_px
        self._busy_s = self._device_busy_s()
        self._store = encoder.frame_store()
        self._batch_max = batch_max
        self._slots: dict[bytes, dict[int, int]] = {}
        """The slot in the store for each slot of each client."""
        self._waiting: deque[PendingRequest] = deque()
        self._releasable: set[int] = set()
        """Dropped slots of the store that waiting requests may still need."""
        self._under_way: deque[_BatchUnderWay] = deque()
        self.batches = 0
        """Batches so far."""
        self.shared_batches = 0
        """Batches with windows of more than one client."""

    @property
    def clients(self) -> frozenset[bytes]:
        """Clients with frames in the store."""
        return frozenset(self._slots)

    @property
    def is_busy(self) -> bool:
        """Whether a result is outstanding."""
        return bool(self._waiting or self._under_way)

    def put(self, client: bytes, slot: int, frame: UInt8) -> None:
        """Store a client's frame, in place of an older one in that slot.

        Raises:
            ValueError: it is not a frame of the encoder's size.
            MemoryError: it does not fit into the device's memory.
        """
        check_frame(frame, self._encoder_px)
        self.drop(client, slot)
        self._slots.setdefault(client, {})[slot] = self._store.put(frame)

    def drop(self, client: bytes, slot: int) -> None:
        """Release a client's frame, if it is in the store."""
        stored = self._slots.get(client, {}).pop(slot, None)
        if stored is not None:
            self._releasable.add(stored)
            self._release()

    def request(self, client: bytes, request: int, windows: Sequence[Sequence[int]]) -> None:
        """Take a request.

        A request whose frames are missing was meant for an earlier process and is ignored: its client will notice the
        restart and repeat it.
        """
        own = self._slots.get(client, {})
        if own.keys() >= set(chain.from_iterable(windows)):
            stored = tuple(tuple(own[slot] for slot in window) for window in windows)
            self._waiting.append(PendingRequest(client, request, stored))

    def remove(self, client: bytes) -> None:
        """Release the frames of a client that has exited, and drop its waiting requests."""
        self._waiting = deque(each for each in self._waiting if each.client != client)
        self._releasable.update(self._slots.pop(client, {}).values())
        self._release()

    def step(self) -> Iterator[Result]:
        """Start the batches for which there is room; yield the results of those that are done, in order."""
        while self._waiting and len(self._under_way) < UNDER_WAY_MAX:
            yield from self._begin(self._batch())
        while self._under_way and self._under_way[0].encoding.ready():
            batch = self._under_way.popleft()
            batch.device_s += self._take_device_s()
            yield from self._results(batch)

    def _batch(self) -> list[PendingRequest]:
        requests = [self._waiting.popleft()]
        windows = len(requests[0].windows)
        while self._waiting and windows + len(self._waiting[0].windows) <= self._batch_max:
            requests.append(self._waiting.popleft())
            windows += len(requests[-1].windows)
        return requests

    def _begin(self, requests: list[PendingRequest]) -> Iterator[Result]:
        self.batches += 1
        self.shared_batches += len({each.client for each in requests}) > 1
        if self._under_way:  # what the device has done before this batch is not for it
            self._under_way[0].device_s += self._take_device_s()
        try:
            encoding = self._store.encode(list(chain.from_iterable(each.windows for each in requests)))
        except (ValueError, MemoryError) as error:
            yield from (Result(each.client, each.request, failure=error) for each in requests)
        else:
            self._under_way.append(_BatchUnderWay(encoding, requests))
            if encoding.ready():
                self._under_way[-1].device_s += self._take_device_s()
        self._release()

    def _release(self) -> None:
        """Free the dropped slots that no waiting request needs; batches under way do not need them."""
        needed: set[int] = set().union(*(each.slots for each in self._waiting))
        for slot in self._releasable - needed:
            self._store.drop(slot)
        self._releasable &= needed

    def _results(self, batch: _BatchUnderWay) -> Iterator[Result]:
        """The result of each request in a batch that is done."""
        try:
            embeddings = iter(batch.encoding.result())
        except MemoryError as error:
            yield from (Result(each.client, each.request, failure=error) for each in batch.requests)
            return
        each_s = batch.device_s / sum(len(each.windows) for each in batch.requests)
        for each in batch.requests:
            own = [next(embeddings) for _ in each.windows]
            yield Result(each.client, each.request, own, each_s * len(own))

    def _take_device_s(self) -> float:
        """Time that the device has worked since the last call."""
        before_s, self._busy_s = self._busy_s, self._device_busy_s()
        return self._busy_s - before_s

    def _device_busy_s(self) -> float:
        """Time that the device has worked; 0 for an encoder without one."""
        return float(self._encoder.facts().get("device_busy_s", 0.0))
