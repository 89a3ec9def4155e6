"""Parts of a remote file that were fetched already, in anonymous memory that a child process can inherit."""

import os
import weakref
from dataclasses import dataclass
from typing import Final

RECORDED_BYTES_MAX: Final = 16 << 20
"""Memory for the parts of one file. Probing a clip reads its header, its index and its first picture."""


@dataclass(frozen=True, slots=True)
class FetchedParts:
    """The parts, and the file that they are of."""

    fd: int
    """Holds the bytes of all parts, one after the other."""
    parts: tuple[tuple[int, int, int], ...]
    """Of each: its start and stop in the remote file, and its position in ``fd``, in bytes."""
    size_bytes: int
    """Of the whole remote file."""
    oid: str | None
    """As ``stream.sources.local.File.oid``."""

    def find(self, start: int, stop: int) -> bytes | None:
        """The bytes ``[start, stop)`` of the remote file; None unless one part holds them all."""
        for first, last, position in self.parts:
            if first <= start and stop <= last:
                return os.pread(self.fd, stop - start, position + start - first)
        return None


class PartRecorder:
    """Keeps parts of a file as they are fetched. Its memory is freed with it, or with the last process that has it."""

    def __init__(self) -> None:
        self._fd = os.memfd_create("egoclean-fetched")
        self._parts: list[tuple[int, int, int]] = []
        self._bytes = 0
        weakref.finalize(self, os.close, self._fd)

    def add(self, start: int, data: bytes) -> None:
        """Keep ``data``, which stands at ``start`` in the file, if there is room for it."""
        if self._bytes + len(data) <= RECORDED_BYTES_MAX:
            os.pwrite(self._fd, data, self._bytes)
            self._parts.append((start, start + len(data), self._bytes))
            self._bytes += len(data)

    def fetched(self, size_bytes: int, oid: str | None) -> FetchedParts:
        """The parts so far; ``size_bytes`` and ``oid`` are the file's."""
        return FetchedParts(self._fd, tuple(self._parts), size_bytes, oid)
