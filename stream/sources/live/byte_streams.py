"""Byte streams that can be read once, from front to back, as files for libav: standard input and a growing file."""

import io
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from stream.sources.signatures import HEAD_BYTES

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_LOOK_EVERY_S = 0.1


class ForwardOnlyFile(io.RawIOBase):
    """A read-only file that cannot seek."""

    is_recognised = False
    """Whether its container and streams are known; whoever opens them sets it."""
    head = b""
    """Its first ``HEAD_BYTES`` bytes, as far as they have been read."""

    def readinto(self, buffer: "WriteableBuffer") -> int:
        room = memoryview(buffer).cast("B")
        count = self._receive(room)
        if len(self.head) < HEAD_BYTES:
            self.head += bytes(room[: min(count, HEAD_BYTES - len(self.head))])
        return count

    def _receive(self, room: memoryview) -> int:
        """Fill ``room``, or its beginning, with the next bytes; return how many, 0 at the end."""
        raise NotImplementedError

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


class StandardInput(ForwardOnlyFile):
    """The bytes in the file ``head``, which were read from the pipe ``fd`` before, then the rest of the pipe.

    With ``keep``, everything that is read from the pipe is appended to ``head``, so that the beginning can be probed
    and read again. Neither descriptor is closed.
    """

    def __init__(self, fd: int, head: int, *, keep: bool) -> None:
        super().__init__()
        self._fd = fd
        self._head = head
        self._keep = keep
        self._position = 0

    def _receive(self, room: memoryview) -> int:
        count = os.preadv(self._head, [room], self._position)
        if count == 0:
            count = os.readv(self._fd, [room])
            if self._keep:
                os.pwrite(self._head, room[:count], self._position)
        self._position += count
        return count


class GrowingFile(ForwardOnlyFile):
    """A file that another program still writes: it ends once it has not grown for ``idle_s`` seconds.

    libav may read several times at an end before it accepts it.
    """

    def __init__(
        self,
        path: Path,
        idle_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        super().__init__()
        self._file = path.open("rb", buffering=0)
        self._idle_s = idle_s
        self._clock = clock
        self._wait = wait
        self._has_ended = False

    def _receive(self, room: memoryview) -> int:
        if self._has_ended:
            return 0
        idle_since = self._clock()
        while not (count := self._file.readinto(room)) and self._clock() - idle_since < self._idle_s:
            self._wait(_LOOK_EVERY_S)
        self._has_ended = not count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()
