"""The members of a tar, from its headers alone; those of a remote tar are cached, for that takes many requests."""

import hashlib
import io
import logging
import os
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ValidationError

from stream.errors import SourceError
from stream.sources.local import File

_LOG = logging.getLogger(__name__)

MOST_MEMBERS = 100_000
"""A shard of a gigabyte has some hundred clips; a tar with more members than this is not a shard."""
_HEADER_BYTES = 1 << 20
"""A member's headers, with long names: real ones are not larger, and they are read into memory."""
_PROGRESS_EVERY_S = 5.0


class Entry(NamedTuple):
    """One member."""

    name: str
    kind: Literal["file", "link", "other"]
    """A file is one whose bytes lie in one piece in the tar; folders, devices and sparse files are other."""
    offset: int
    """Offset of its bytes in the tar."""
    size_bytes: int
    """Size by its header."""
    target: str = ""
    """Target of a link."""


class Contents(BaseModel):
    """All members, in the order of the tar."""

    v: Literal[1] = 1
    entries: list[Entry]


def contents_of(tar: File) -> list[Entry]:
    """The members of an uncompressed tar, in order. Of one that was cut off, those before the cut.

    Raises:
        SourceError: not a tar, or compressed; more than ``MOST_MEMBERS``; or headers that no honest tar has.
    """
    kept = _place_of(tar) if tar.oid else None
    if kept is not None and (known := _read_kept(kept)) is not None:
        return known.entries
    contents = Contents(entries=list(_entries(tar)))
    if kept is not None:
        _keep(kept, contents)
    return contents.entries


def _entries(tar: File) -> Iterator[Entry]:
    say_at = time.monotonic() + _PROGRESS_EVERY_S
    for number, member in enumerate(_headers(tar)):
        if number == MOST_MEMBERS:
            raise SourceError(f"{tar.name} has more than {MOST_MEMBERS} members, which no shard of clips has")
        yield _entry(member)
        if time.monotonic() >= say_at:
            say_at = time.monotonic() + _PROGRESS_EVERY_S
            share = member.offset_data / max(1, tar.size_bytes)
            _LOG.info("finding the clips in %s: %d members so far, %.0f %%", tar.name, number + 1, 100 * share)


def _headers(tar: File) -> Iterator[tarfile.TarInfo]:
    try:
        with (
            _HeaderFile(tar.skim(), tarfile.BLOCKSIZE) as file,
            tarfile.open(fileobj=file, mode="r:", errors="backslashreplace") as archive,
            suppress(tarfile.ReadError),  # truncated: the members before it count
        ):
            while (member := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined]  # undocumented; it would keep them all
                file.left = _HEADER_BYTES
                if archive.offset < member.offset_data:  # a negative size leads back, in an endless loop
                    raise SourceError(f"{tar.name} is no sound tar: {member.name!r} has {member.size} bytes")
                yield member
                if archive.offset > tar.size_bytes:
                    return
    except (tarfile.TarError, ValueError) as error:
        raise SourceError(
            f"{tar.name} cannot be read as an uncompressed tar ({error}): unpack or decompress it first"
        ) from error
    except RecursionError as error:
        raise SourceError(f"{tar.name} is no sound tar: its headers lead to headers without end") from error


class _HeaderFile(io.BufferedReader):
    """A tar of which only headers can be read: a name of gigabytes would fill the memory."""

    left = _HEADER_BYTES

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= self.left:
            raise ValueError(f"a header of {size} bytes")
        self.left -= size
        return super().read(size)


def _entry(member: tarfile.TarInfo) -> Entry:
    is_link = member.islnk() or member.issym()
    is_file = member.isreg() and not member.issparse()
    return Entry(
        name=member.name,
        kind="link" if is_link else "file" if is_file else "other",
        offset=member.offset_data,
        size_bytes=member.size,
        target=member.linkname if is_link else "",
    )


def _place_of(tar: File) -> Path:
    """In the user's cache (XDG Base Directory Specification), by the tar's name, with its commit, and its oid."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "egoclean-stream" / "tars" / f"{hashlib.sha256(f'{tar.name} {tar.oid}'.encode()).hexdigest()}.json"


def _read_kept(path: Path) -> Contents | None:
    try:
        return Contents.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        _LOG.info("ignoring the cached list %s, which cannot be read: %s", path, error)
        return None


def _keep(path: Path, contents: Contents) -> None:
    """Write it atomically; if that fails, the tar is read again the next time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            part = Path(folder) / path.name
            part.write_text(contents.model_dump_json(), encoding="utf-8")
            part.replace(path)
    except OSError as error:
        _LOG.info("the members of the tar are not cached: %s", error)
