"""The members of a tar, from its headers alone; those of a remote tar are cached, for that takes many requests."""

import hashlib
import io
import logging
import os
import posixpath
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ValidationError

from stream.errors import SourceError
from stream.sources.compressed import CompressedTar
from stream.sources.local import File
from stream.sources.selection import kind_by_name
from stream.sources.signatures import HEAD_BYTES, Content, content_of

_LOG = logging.getLogger(__name__)

MOST_MEMBERS = 100_000
"""A shard of a gigabyte has some hundred clips; a tar with more members than this is not a shard."""
_HEADER_BYTES = 1 << 20
"""A member's headers, with long names: real ones are not larger, and they are read into memory."""
_PROGRESS_EVERY_S = 5.0


Kind: TypeAlias = Literal["file", "link", "folder", "other"]


class Entry(NamedTuple):
    """One member."""

    name: str
    kind: Kind
    """A file is one whose bytes lie in one piece in the tar; devices and sparse files are other."""
    offset: int
    """Offset of its bytes in the tar."""
    size_bytes: int
    """Size by its header."""
    target: str = ""
    """Name of the member that a link leads to: a hard link, or a symbolic one, which counts from its own folder."""
    content: Content | None = None
    """What the first bytes of a file say; None of any other kind."""


class Contents(BaseModel):
    """All members, in the order of the tar."""

    v: Literal[2] = 2
    entries: list[Entry]


def contents_of(tar: File) -> list[Entry]:
    """The members of a tar, in order; a compressed one is read through. Of one that was cut off, those before the cut.

    Raises:
        SourceError: not a tar; more than ``MOST_MEMBERS``; or headers that no honest tar has.
    """
    if isinstance(tar, CompressedTar):
        return tar.entries(lambda: list(_entries(tar)))
    place = _place_of(tar) if tar.oid else None
    if place is not None and (known := _read_stored(place)) is not None:
        return known.entries
    contents = Contents(entries=list(_entries(tar)))
    if place is not None:
        _store(place, contents)
    return contents.entries


def _entries(tar: File) -> Iterator[Entry]:
    say_at = time.monotonic() + _PROGRESS_EVERY_S
    for number, (member, content) in enumerate(_headers(tar)):
        if number == MOST_MEMBERS:
            raise SourceError(f"{tar.name} has more than {MOST_MEMBERS} members, which no shard of clips has")
        yield _entry(member, content)
        if time.monotonic() >= say_at:
            say_at = time.monotonic() + _PROGRESS_EVERY_S
            share = min(1.0, member.offset_data / max(1, tar.size_bytes))
            _LOG.info("finding the clips in %s: %d members so far, %.0f %%", tar.name, number + 1, 100 * share)


def _headers(tar: File) -> Iterator[tuple[tarfile.TarInfo, Content | None]]:
    """Each member with what its first bytes say; in a remote tar only if its name does not tell.

    They mostly lie in the block that was fetched for its header, and otherwise take one more request.
    """
    is_remote = tar.path is None and not isinstance(tar, CompressedTar)
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
                    raise SourceError(f"{tar.name} is not a valid tar: {member.name!r} has {member.size} bytes")
                by_name = kind_by_name(member.name) if is_remote else None
                yield member, by_name or _content(file, member)
                if archive.offset > tar.size_bytes:
                    return
    except (tarfile.TarError, ValueError) as error:
        damage = tar.breaks_off if isinstance(tar, CompressedTar) else ""
        raise SourceError(f"{tar.name} cannot be read as a tar ({damage or error})") from error
    except RecursionError as error:
        raise SourceError(f"{tar.name} is not a valid tar: its headers do not end") from error


def _content(file: io.BufferedReader, member: tarfile.TarInfo) -> Content | None:
    if not _is_file(member):
        return None
    file.seek(member.offset_data)
    return content_of(file.read(min(HEAD_BYTES, member.size)))


class _HeaderFile(io.BufferedReader):
    """A tar of which only headers can be read: a name of gigabytes would fill the memory."""

    left = _HEADER_BYTES

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= self.left:
            raise ValueError(f"a header of {size} bytes")
        self.left -= size
        return super().read(size)


def _entry(member: tarfile.TarInfo, content: Content | None) -> Entry:
    is_link = member.islnk() or member.issym()
    folder = posixpath.dirname(member.name) if member.issym() else ""
    return Entry(
        name=member.name,
        kind=_kind(member),
        offset=member.offset_data,
        size_bytes=member.size,
        target=posixpath.normpath(posixpath.join(folder, member.linkname)) if is_link else "",
        content=content,
    )


def _kind(member: tarfile.TarInfo) -> Kind:
    if member.islnk() or member.issym():
        return "link"
    if member.isdir():
        return "folder"
    return "file" if _is_file(member) else "other"


def _is_file(member: tarfile.TarInfo) -> bool:
    return member.isreg() and not member.issparse()


def _place_of(tar: File) -> Path:
    """In the user's cache (XDG Base Directory Specification), by the tar's name, with its commit, and its oid."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "egoclean-stream" / "tars" / f"{hashlib.sha256(f'{tar.name} {tar.oid}'.encode()).hexdigest()}.json"


def _read_stored(path: Path) -> Contents | None:
    try:
        return Contents.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        _LOG.info("ignoring the cached list %s, which cannot be read: %s", path, error)
        return None


def _store(path: Path, contents: Contents) -> None:
    """Write it atomically; if that fails, the tar is read again the next time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            part = Path(folder) / path.name
            part.write_text(contents.model_dump_json(), encoding="utf-8")
            part.replace(path)
    except OSError as error:
        _LOG.info("the members of the tar are not cached: %s", error)
