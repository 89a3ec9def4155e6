"""A remote file as a file that can be read anywhere: parts of it are fetched as they are read, and a few are kept."""

import hashlib
import io
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Protocol

from models.weights.hub_client import RangeIgnoredError
from stream.sources.local import ByteRange, LocalFile
from stream.sources.remote.errors import as_source_errors
from stream.sources.remote.parts import FetchedParts, PartRecorder

if TYPE_CHECKING:
    from fsspec.caching import BaseCache

BLOCK_BYTES: Final = 1 << 20
CACHED_BLOCKS: Final = 8
"""Memory for a clip: 8 MiB, and one more while the next block is fetched in the background."""
SKIM_BYTES: Final = 1 << 15
CACHED_SKIM_BLOCKS: Final = 4
_BUDGET_S: Final = 60.0
"""For how long one block is requested again after errors that may pass."""


@dataclass(slots=True)
class Traffic:
    """Counts the bytes received over the network."""

    fetched_bytes: int = 0


class SeekableFile(Protocol):
    """A file opened by ``fsspec``."""

    def seek(self, offset: int, /) -> int: ...
    def read(self, length: int, /) -> bytes: ...


def never(_: Exception) -> bool:
    """No error is worth another try: the client has tried again by itself."""
    return False


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A ``stream.sources.local.File`` in remote storage: read in place, or fetched whole and read from the disk."""

    name: str
    size_bytes: int
    oid: str | None
    origin: dict[str, Any]
    traffic: Traffic
    opens: Callable[[], SeekableFile]
    """Opens it without a cache; each read is one request."""
    fetches: Callable[[Path], tuple[Path, bool]]
    """Brings the whole file to this machine; returns where it is, and whether anything was fetched."""
    sibling: "Callable[[str], RemoteFile | None]"
    """Finds another file of the same storage by its path."""
    path_in_storage: str
    may_pass: Callable[[Exception], bool] = never
    """Whether an error may be gone when the same block is requested again."""
    local: LocalFile | None = None
    """Path of the downloaded copy."""
    known: FetchedParts | None = None
    """Parts that another process has fetched."""
    recorder: PartRecorder | None = None
    """Keeps what is fetched; nothing is then fetched ahead, since it might not be needed."""
    _caches: "dict[tuple[int, int], BaseCache]" = field(default_factory=dict, compare=False, repr=False)
    """By offset and size of the part that they hold."""
    _handles: list[SeekableFile] = field(default_factory=list, compare=False, repr=False)
    _lock: Lock = field(default_factory=Lock, compare=False, repr=False)

    @property
    def path(self) -> Path | None:
        return self.local.path if self.local else None

    @property
    def fetched_bytes(self) -> int:
        return self.traffic.fetched_bytes

    def open(self, offset: int, size_bytes: int) -> io.RawIOBase:
        if self.local:
            return self.local.open(offset, size_bytes)
        from fsspec.caching import BackgroundBlockCache, BlockCache

        key = offset, size_bytes
        if key not in self._caches:
            cache = BlockCache if self.recorder else BackgroundBlockCache
            self._caches[key] = cache(BLOCK_BYTES, _Part(self, offset).fetch, size_bytes, CACHED_BLOCKS)
        return CachedFile(self._caches[key], self.name, size_bytes)

    def skim(self) -> io.RawIOBase:
        if self.local:
            return self.local.skim()
        from fsspec.caching import BlockCache

        cache = BlockCache(SKIM_BYTES, self.fetch, self.size_bytes, CACHED_SKIM_BLOCKS)
        return CachedFile(cache, self.name, self.size_bytes)

    def beside(self, name: str) -> "RemoteFile | None":
        return self.sibling(str(PurePosixPath(self.path_in_storage).with_name(name)))

    def on_disk(self) -> Path:
        with as_source_errors(self.name):
            path, was_fetched = self.fetches(_download_path(self))
        if was_fetched:
            self.traffic.fetched_bytes += self.size_bytes
        return path

    def fetched(self) -> "RemoteFile":
        """The same file, fetched whole and read from this machine's disk."""
        return replace(self, local=LocalFile(self.on_disk()))

    def fetch(self, start: int, stop: int) -> bytes:
        """The bytes ``[start, stop)``, less where the file ends.

        Raises:
            SourceError: they cannot be read.
            WholeFilesOnlyError: the server ignores ranges.
        """
        stop = min(stop, self.size_bytes)
        if self.known and (data := self.known.find(start, stop)) is not None:
            return data
        import stamina

        with as_source_errors(self.name):
            for attempt in stamina.retry_context(on=self.may_pass, attempts=None, timeout=_BUDGET_S):
                with attempt:
                    return self._read(start, stop)
        raise AssertionError("unreachable")

    def _read(self, start: int, stop: int) -> bytes:
        with self._lock:  # the file has one position, and the next block is fetched in a thread of its own
            if not self._handles:
                self._handles.append(self.opens())
            self._handles[0].seek(start)
            data = self._handles[0].read(stop - start)
        self.traffic.fetched_bytes += len(data)
        if len(data) != stop - start:
            raise RangeIgnoredError(f"{len(data)} bytes were received, expected {stop - start}")
        if self.recorder:
            self.recorder.add(start, data)
        return data


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a remote file, whose bytes are counted from its own start."""

    file: RemoteFile
    offset: int

    def fetch(self, start: int, stop: int) -> bytes:
        return self.file.fetch(self.offset + start, self.offset + stop)


class CachedFile(ByteRange):
    """A read-only, seekable file over a block cache."""

    def __init__(self, cache: "BaseCache", name: str, size_bytes: int) -> None:
        super().__init__(name, 0, size_bytes)
        self._cache = cache

    def _read_at(self, position: int, room: memoryview) -> int:
        block_bytes: int = self._cache.blocksize
        stop = min(position + min(len(room), block_bytes), self._size)
        if stop % block_bytes == 0 and stop - position > 1:
            stop -= 1  # at a block's very end BackgroundBlockCache fetches the next one, too, before it returns
        part: bytes = self._cache._fetch(position, stop)  # noqa: SLF001  (the interface of fsspec's caches)
        room[: len(part)] = part
        return len(part)


def _download_path(file: RemoteFile) -> Path:
    """Path in the user's cache (XDG Base Directory Specification), by address and content."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256(f"{file.name} {file.oid} {file.size_bytes}".encode()).hexdigest()
    return cache / "egoclean-stream" / "files" / digest / PurePosixPath(file.path_in_storage).name
