"""Files as clips need them: the contract of a file, and a file on this machine's disk."""

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class File(Protocol):
    """A file of known size that can be read at any position: the clip itself, or the tar that contains it."""

    @property
    def name(self) -> str:
        """Its name in messages and records."""
        ...

    @property
    def size_bytes(self) -> int:
        """Its size, in bytes."""
        ...

    @property
    def path(self) -> Path | None:
        """Its path on this machine's disk; None if it is elsewhere."""
        ...

    @property
    def oid(self) -> str | None:
        """An identifier of its content that is known without reading it, usually its SHA-256; None if there is none."""
        ...

    @property
    def origin(self) -> dict[str, Any] | None:
        """Its origin, for the record; None for a file on this disk."""
        ...

    @property
    def fetched_bytes(self) -> int | None:
        """Bytes received over the network so far, including files beside it; None for a file on this disk."""
        ...

    def open(self, offset: int, size_bytes: int) -> io.RawIOBase:
        """The bytes ``[offset, offset + size_bytes)`` as a read-only, seekable file of their own, at its start.

        Raises:
            OSError: it is gone, or can no longer be read.
            SourceError: likewise, for a remote file.
        """
        ...

    def skim(self) -> io.RawIOBase:
        """The whole file, for reading a few bytes here and there: little else is fetched. Raises as ``open``."""
        ...

    def beside(self, name: str) -> "File | None":
        """The file ``name`` in the same folder; None if there is none."""
        ...

    def on_disk(self) -> Path:
        """Its path on this machine's disk; a remote file is fetched whole."""
        ...


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file on this machine's disk."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def size_bytes(self) -> int:
        return self.path.stat().st_size

    @property
    def oid(self) -> None:
        return None

    @property
    def origin(self) -> None:
        return None

    @property
    def fetched_bytes(self) -> None:
        return None

    def open(self, offset: int, size_bytes: int) -> io.RawIOBase:
        return Slice(self.path, offset, size_bytes)

    def skim(self) -> io.RawIOBase:
        return Slice(self.path, 0, self.size_bytes)

    def beside(self, name: str) -> "LocalFile | None":
        path = self.path.with_name(name)
        return LocalFile(path) if path.is_file() else None

    def on_disk(self) -> Path:
        return self.path


class ByteRange(io.RawIOBase):
    """The arithmetic of a read-only, seekable file over the bytes ``[offset, offset + size)`` of something larger."""

    def __init__(self, name: str, offset: int, size_bytes: int) -> None:
        super().__init__()
        self.name = name
        self._offset = offset
        self._size = size_bytes
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"cannot seek to byte {start + offset} of {self.name}: positions start at 0")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: "WriteableBuffer") -> int:
        room = memoryview(buffer).cast("B")[: max(0, self._size - self._position)]
        count = self._read_at(self._offset + self._position, room) if room else 0
        self._position += count
        return count

    def _read_at(self, position: int, room: memoryview) -> int:
        """Fill ``room``, or its beginning, with the bytes at ``position`` of the whole; return how many were read."""
        raise NotImplementedError


class Slice(ByteRange):
    """A part of a file on disk."""

    def __init__(self, path: Path, offset: int, size_bytes: int) -> None:
        super().__init__(str(path), offset, size_bytes)
        self._file = path.open("rb", buffering=0)

    def close(self) -> None:
        self._file.close()
        super().close()

    def _read_at(self, position: int, room: memoryview) -> int:
        self._file.seek(position)
        return self._file.readinto(room)
