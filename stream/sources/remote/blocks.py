"""A file somewhere else as a file here: parts of it are fetched when they are read, and a few of them kept."""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread
from typing import TypeAlias

from stream.sources.local import ByteRange

Fetch: TypeAlias = Callable[[int, int], bytes]
"""Gives the bytes ``[start, stop)``, all of them."""


class Blocks:
    """The blocks of a remote file that were read last, and the one that is read next if reading goes straight on.

    What is held in memory is at most ``kept + 2`` blocks, however long the file is.
    """

    def __init__(self, fetch: Fetch, size_bytes: int, *, block_bytes: int, kept: int, ahead: bool) -> None:
        self._fetch = fetch
        self._size = size_bytes
        self._block_bytes = block_bytes
        self._kept = kept
        self._ahead = ahead
        self._blocks: OrderedDict[int, Future[bytes]] = OrderedDict()
        self._last: int | None = None
        self._lock = Lock()

    def read_at(self, position: int, room: memoryview, until: int) -> int:
        """Fill ``room``, or its beginning, with what stands at ``position``; nothing from ``until`` on is needed soon.

        Raises:
            Exception: whatever fetching raises; the next reading tries again.
        """
        number, start = divmod(position, self._block_bytes)
        block = self._block(number, last=(until - 1) // self._block_bytes)
        part = block[start : start + len(room)]
        room[: len(part)] = part
        return len(part)

    def _block(self, number: int, last: int) -> bytes:
        found, is_new = self._place(number)
        straight_on, self._last = self._last is not None and number == self._last + 1, number
        if is_new:
            self._fill(number, found)
        if self._ahead and straight_on and number < last:
            coming, is_new = self._place(number + 1)
            if is_new:
                Thread(target=self._fill, args=(number + 1, coming), name="read-ahead", daemon=True).start()
        return found.result()

    def _place(self, number: int) -> tuple[Future[bytes], bool]:
        """Where the block is or will be, and whether it still has to be fetched."""
        with self._lock:
            is_new = number not in self._blocks
            found = self._blocks.setdefault(number, Future())
            self._blocks.move_to_end(number)
            while len(self._blocks) > self._kept:
                self._blocks.popitem(last=False)
            return found, is_new

    def _fill(self, number: int, place: Future[bytes]) -> None:
        start = number * self._block_bytes
        try:
            place.set_result(self._fetch(start, min(start + self._block_bytes, self._size)))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever reads the block, perhaps in another thread
            with self._lock:
                self._blocks.pop(number, None)
            place.set_exception(error)


class BlockFile(ByteRange):
    """A part of a remote file as a file of its own."""

    def __init__(self, blocks: Blocks, name: str, offset: int, size_bytes: int) -> None:
        super().__init__(name, offset, size_bytes)
        self._blocks = blocks

    def _read_at(self, position: int, room: memoryview) -> int:
        return self._blocks.read_at(position, room, until=self._offset + self._size)
