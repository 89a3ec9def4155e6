"""A bounded queue of output, from the threads that print to the one thread that writes."""

import sys
import threading
from collections import deque
from queue import SimpleQueue


class OutputQueue:
    """Chunks of output. ``put`` never waits: if there is no room, the oldest chunks are dropped and counted.

    The newest lines matter most: the last ones say how the run ended.
    """

    def __init__(self, bytes_max: int) -> None:
        """``bytes_max`` limits the total size of waiting chunks."""
        self._bytes_max = bytes_max
        self._bytes = 0
        self._chunks: deque[bytes] = deque()
        self._dropped_lines = 0
        self._is_closed = False
        self._lock = threading.RLock()  # reentrant: a finaliser may print in the middle of ``put``
        self._wake: SimpleQueue[None] = SimpleQueue()

    def put(self, chunk: bytes) -> None:
        """Add a chunk: whole lines, or a part of one that should be shown at once. Ignored after ``close``."""
        with self._lock:
            if self._is_closed:
                return
            self._bytes += sys.getsizeof(chunk)
            self._chunks.append(chunk)
            while self._bytes > self._bytes_max:
                self.count_dropped(self._pop())
        self._wake.put(None)

    def take(self) -> bytes | None:
        """The oldest chunk, as soon as there is one; None when the queue is closed and empty."""
        while True:
            with self._lock:
                if self._chunks:
                    return self._pop()
                if self._is_closed:
                    return None
            self._wake.get()

    def count_dropped(self, chunk: bytes) -> None:
        """Count a chunk that was taken but could not be written."""
        with self._lock:
            self._dropped_lines += max(1, chunk.count(b"\n"))

    def dropped_lines(self) -> int:
        """Lines that were dropped since the last call; 0 while chunks wait, so that each gap is reported once."""
        with self._lock:
            if self._chunks:
                return 0
            lines, self._dropped_lines = self._dropped_lines, 0
            return lines

    def drop_all(self) -> int:
        """Drop what still waits; returns all lines that were dropped since ``dropped_lines`` reported some."""
        with self._lock:
            while self._chunks:
                self.count_dropped(self._pop())
            return self.dropped_lines()

    def close(self) -> None:
        """Accept no more chunks; waiting ones can still be taken."""
        with self._lock:
            self._is_closed = True
        self._wake.put(None)

    def _pop(self) -> bytes:
        chunk = self._chunks.popleft()
        self._bytes -= sys.getsizeof(chunk)
        return chunk
