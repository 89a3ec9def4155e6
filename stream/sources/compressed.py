"""Compressed tars on disk: decompressed from front to back, one member at a time in a temporary file."""

import bz2
import gzip
import io
import lzma
import os
import shutil
import sys
import tempfile
import weakref
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from backports import zstd

from stream.errors import NoRoomError, SourceError
from stream.sources.local import LocalFile
from stream.sources.selection import COMPRESSED_TAR_ENDINGS, UNREAD_TAR_ENDINGS
from stream.sources.signatures import HEAD_BYTES, is_tar_header

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from stream.sources.tar import Entry

_CHUNK_BYTES: Final = 1 << 20
_FREE_BYTES: Final = 1 << 32
"""Any file may expand to this many bytes; beyond that, the ratio is checked."""
_MOST_RATIO: Final = 200
"""Video hardly compresses: a file that expands further is not an archive of clips."""

_XZ_BYTES: Final = 1 << 28
"""Memory for xz, whose strongest preset takes 65 MiB."""
_ZSTD_WINDOW_LOG2: Final = 27
"""Memory for Zstandard, 128 MiB: the program ``zstd`` asks for no more unless it is given ``--long=28``."""

_Opener = Callable[[io.BufferedReader], io.BufferedIOBase]
_FORMATS: Final[tuple[tuple[bytes, _Opener], ...]] = (
    (b"\x1f\x8b", lambda file: cast("io.BufferedIOBase", gzip.GzipFile(fileobj=file))),
    (b"BZh", lambda file: cast("io.BufferedIOBase", bz2.BZ2File(file))),
    (b"\xfd7zXZ\0", lambda file: io.BufferedReader(_FramedFile(file, _xz_decoder), _CHUNK_BYTES)),
    (b"\x28\xb5\x2f\xfd", lambda file: io.BufferedReader(_FramedFile(file, _zstd_decoder), _CHUNK_BYTES)),
)
"""By the first bytes (RFC 1952, 2.3.1; bzip2's and xz's file formats; RFC 8878, 3.1.1)."""
_BROKEN = (EOFError, OSError, zlib.error, lzma.LZMAError, zstd.ZstdError)

_Decoder: TypeAlias = lzma.LZMADecompressor | zstd.ZstdDecompressor


def _xz_decoder() -> _Decoder:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_BYTES)


def _zstd_decoder() -> _Decoder:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG2})


class _FramedFile(io.RawIOBase):
    """The content of an xz or zstd file; the libraries' own files cannot bound the memory that a file asks for."""

    def __init__(self, packed: io.BufferedReader, make_decoder: Callable[[], _Decoder]) -> None:
        super().__init__()
        self._packed = packed
        self._make_decoder = make_decoder
        self._decoder = make_decoder()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        room = memoryview(buffer).cast("B")
        while True:
            if self._decoder.eof:
                rest = self._decoder.unused_data.lstrip(b"\0") or self._packed.read(_CHUNK_BYTES).lstrip(b"\0")
                if not rest:
                    return 0
                self._decoder = self._make_decoder()
                data = self._decoder.decompress(rest, len(room))
            else:
                packed = self._packed.read(_CHUNK_BYTES) if self._decoder.needs_input else b""
                if self._decoder.needs_input and not packed:
                    raise EOFError("the file ended before its end was marked")
                data = self._decoder.decompress(packed, len(room))
            if data:
                room[: len(data)] = data
                return len(data)


class DecompressedFile(io.RawIOBase):
    """The content of a compressed file, which can be skipped forward. Where it is damaged, it ends."""

    def __init__(self, path: Path) -> None:
        """Open it; the caller closes it.

        Raises:
            OSError: it cannot be read.
        """
        super().__init__()
        self._packed = path.open("rb")
        head = self._packed.peek(6)
        self._content = next(opener for mark, opener in _FORMATS if head.startswith(mark))(self._packed)
        self._path = path
        self._position = 0
        self.damage = ""
        """Why it ended before its end."""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Skip forward; at the end of the content the position stays there.

        Raises:
            ValueError: the position has been passed.
        """
        target = offset + (self._position if whence == os.SEEK_CUR else 0)
        if whence == os.SEEK_END or target < self._position:
            raise ValueError(f"byte {target} of {self._path} has been passed")
        while self._position < target and self._read(min(_CHUNK_BYTES, target - self._position)):
            pass
        return self._position

    def readinto(self, buffer: "WriteableBuffer") -> int:
        room = memoryview(buffer).cast("B")
        data = self._read(len(room))
        room[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._content.close()
        self._packed.close()
        super().close()

    def _read(self, size: int) -> bytes:
        if self.damage:
            return b""
        try:
            data = self._content.read(size)
        except _BROKEN as error:
            self.damage = str(error) or type(error).__name__
            return b""
        self._position += len(data)
        if self._position > max(_FREE_BYTES, _MOST_RATIO * self._packed.tell()):
            raise SourceError(f"{self._path} expands to more than {_MOST_RATIO} times its size, as no video does")
        return data


class _Descriptor:
    """A file descriptor that is closed with this object."""

    def __init__(self, number: int) -> None:
        self.number = number
        weakref.finalize(self, os.close, number)


@dataclass(frozen=True, slots=True)
class SpooledMember(LocalFile):
    """One member of a compressed tar, in a temporary file without a name.

    This process and its children find it at ``path`` while ``keeper`` exists.
    """

    tar: Path
    keeper: object = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        return str(self.tar)

    def beside(self, name: str) -> LocalFile | None:
        return LocalFile(self.tar).beside(name)


class CompressedTar:
    """A compressed tar as a ``stream.sources.local.File`` that is read from front to back."""

    path = oid = origin = fetched_bytes = None
    size_bytes: Final = sys.maxsize
    """Known only once it has been read."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path
        self._entries: list[Entry] | None = None
        self._content: DecompressedFile | None = None
        self.damage = ""
        """Why it ends early, once its members are known."""

    def entries(self, read: "Callable[[], list[Entry]]") -> "list[Entry]":
        """Its members, which are read once."""
        if self._entries is None:
            self._entries = read()
            self.damage = self.breaks_off
        return self._entries

    @property
    def breaks_off(self) -> str:
        """Why the last reading ended before its end; empty if it did not."""
        return self._content.damage if self._content is not None else ""

    def open(self, offset: int, size_bytes: int) -> io.RawIOBase:
        raise io.UnsupportedOperation(f"bytes {offset} to {offset + size_bytes} of {self.name} must be spooled first")

    def skim(self) -> io.RawIOBase:
        self._content = DecompressedFile(self._path)
        return self._content

    def beside(self, name: str) -> LocalFile | None:
        return LocalFile(self._path).beside(name)

    def on_disk(self) -> Path:
        return self._path

    def spool(self, entry: "Entry") -> SpooledMember:
        """Put a member into a temporary file. One before the last one read is reached by starting over.

        Raises:
            SourceError: the tar is damaged before the member's end.
            NoRoomError: the member does not fit on the disk.
        """
        folder = tempfile.gettempdir()
        if entry.size_bytes > (free := shutil.disk_usage(folder).free):
            raise NoRoomError(
                f"{self.name}::{entry.name} takes {entry.size_bytes} bytes, and {folder} has {free} left: "
                "set TMPDIR to a larger disk, or decompress the tar"
            )
        content = self._content
        if content is None or content.closed or content.tell() > entry.offset:
            content = cast("DecompressedFile", self.skim())
        with tempfile.TemporaryFile(dir=folder) as file:
            content.seek(entry.offset)
            left = entry.size_bytes
            while left and (data := content.read(min(_CHUNK_BYTES, left))):
                file.write(data)
                left -= len(data)
            if left:
                raise SourceError(f"{self.name} breaks off within {entry.name} ({content.damage or 'it was cut off'})")
            file.flush()
            mtime_ns = self._path.stat().st_mtime_ns
            os.utime(file.fileno(), ns=(mtime_ns, mtime_ns))
            descriptor = _Descriptor(os.dup(file.fileno()))
        where = Path(f"/proc/{os.getpid()}/fd/{descriptor.number}")
        return SpooledMember(where, self._path, descriptor)


def compressed_tar(path: Path) -> CompressedTar | None:
    """The compressed tar at a path, the same object while the file has not changed; None if it is not one.

    It is recognised by its content. A file that is one only by its name counts as damaged.

    Raises:
        OSError: it cannot be read.
        SourceError: by its name it is compressed in another way.
    """
    if path.name.lower().endswith(UNREAD_TAR_ENDINGS):
        raise SourceError(
            f"{path} is compressed in a way that cannot be read: decompress it, or use gzip, bzip2, xz or zstd"
        )
    with path.open("rb") as file:
        if not file.peek(6).startswith(tuple(mark for mark, _ in _FORMATS)):
            return None
    stat = path.stat()
    return _tar_at(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=4)
def _tar_at(path: Path, _size_bytes: int, _mtime_ns: int) -> CompressedTar | None:
    with DecompressedFile(path) as content:
        is_tar = path.name.lower().endswith(COMPRESSED_TAR_ENDINGS) or is_tar_header(content.read(HEAD_BYTES) or b"")
    return CompressedTar(path) if is_tar else None
