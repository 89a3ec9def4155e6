"""Windows of several chains in one batch: whose frames are whose, and who gets which embedding. It knows no socket."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np

from models.encoders.encoder import ClipEmbedding, ClipEncoder, Encoding, UInt8

UNDER_WAY_MAX: Final = 2
"""Batches that the device works on at once: one runs, and one is ready behind it."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Windows that one chain wants embedded."""

    client: bytes
    request: int
    windows: tuple[tuple[int, ...], ...]
    """By the slots of the one store."""

    @property
    def slots(self) -> set[int]:
        return set(chain.from_iterable(self.windows))


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of an ``Ask``."""

    client: bytes
    request: int
    embeddings: Sequence[ClipEmbedding] = ()
    failure: Exception | None = None


class SharedEncoder:
    """Gathers what all clients have asked for and lets the encoder embed it together.

    Nobody waits for company: a batch is what is there when the device has room for it, in the order in which it came.
    """

    def __init__(self, encoder: ClipEncoder, batch_max: int) -> None:
        """At most ``batch_max`` windows go together, but what was asked for in one request is not parted."""
        self._encoder_px = encoder.encoder_px
        self._store = encoder.frame_store()
        self._batch_max = batch_max
        self._slots: dict[bytes, dict[int, int]] = {}
        """Of each client, from its own slots to those of the store."""
        self._waiting: deque[Ask] = deque()
        self._doomed: set[int] = set()
        """Slots that nobody needs any more but what waits."""
        self._under_way: deque[tuple[Encoding, list[Ask]]] = deque()
        self.batches = 0
        """Batches that were begun."""
        self.shared_batches = 0
        """Of them, those with windows of more than one client."""

    @property
    def clients(self) -> frozenset[bytes]:
        """Who has frames here."""
        return frozenset(self._slots)

    @property
    def is_busy(self) -> bool:
        """Whether there is an answer to come."""
        return bool(self._waiting or self._under_way)

    def put(self, client: bytes, slot: int, frame: bytes) -> None:
        """Keep a client's frame, in place of an older one of that slot.

        Raises:
            ValueError: it has not the size of a frame.
            MemoryError: it does not fit into the device's memory.
        """
        pixels: UInt8 = np.frombuffer(frame, np.uint8).reshape(self._encoder_px, self._encoder_px, 3)
        self.drop(client, slot)
        self._slots.setdefault(client, {})[slot] = self._store.put(pixels)

    def drop(self, client: bytes, slot: int) -> None:
        """Let a client's frame go, if it is here."""
        kept = self._slots.get(client, {}).pop(slot, None)
        if kept is not None:
            self._doomed.add(kept)
            self._release()

    def ask(self, client: bytes, request: int, windows: Sequence[Sequence[int]]) -> None:
        """Take a request.

        A request whose frames are missing was meant for an earlier process: its client will learn that this is another
        one, and repeat it.
        """
        own = self._slots.get(client, {})
        if own.keys() >= set(chain.from_iterable(windows)):
            self._waiting.append(Ask(client, request, tuple(tuple(own[slot] for slot in window) for window in windows)))

    def forget(self, client: bytes) -> None:
        """A client has gone: its frames are let go, and what it asked for is not begun."""
        self._waiting = deque(ask for ask in self._waiting if ask.client != client)
        self._doomed.update(self._slots.pop(client, {}).values())
        self._release()

    def step(self) -> Iterator[Answer]:
        """Begin what can be begun, and give what is done, in the order in which it was begun."""
        while self._waiting and len(self._under_way) < UNDER_WAY_MAX:
            yield from self._begin(self._batch())
        while self._under_way and self._under_way[0][0].ready():
            encoding, asks = self._under_way.popleft()
            yield from _answers(encoding, asks)

    def _batch(self) -> list[Ask]:
        asks = [self._waiting.popleft()]
        windows = len(asks[0].windows)
        while self._waiting and windows + len(self._waiting[0].windows) <= self._batch_max:
            asks.append(self._waiting.popleft())
            windows += len(asks[-1].windows)
        return asks

    def _begin(self, asks: list[Ask]) -> Iterator[Answer]:
        self.batches += 1
        self.shared_batches += len({ask.client for ask in asks}) > 1
        try:
            encoding = self._store.encode(list(chain.from_iterable(ask.windows for ask in asks)))
        except (ValueError, MemoryError) as error:
            yield from (Answer(ask.client, ask.request, failure=error) for ask in asks)
        else:
            self._under_way.append((encoding, asks))
        self._release()

    def _release(self) -> None:
        """Free the doomed slots but those of what waits: what is under way is not harmed."""
        needed: set[int] = set().union(*(ask.slots for ask in self._waiting))
        for slot in self._doomed - needed:
            self._store.drop(slot)
        self._doomed &= needed


def _answers(encoding: Encoding, asks: Sequence[Ask]) -> Iterator[Answer]:
    """Each client's own part of a batch that is done."""
    try:
        embeddings = iter(encoding.result())
    except MemoryError as error:
        yield from (Answer(ask.client, ask.request, failure=error) for ask in asks)
        return
    for ask in asks:
        yield Answer(ask.client, ask.request, [next(embeddings) for _ in ask.windows])
