"""A member of a tar, read in place: nothing is unpacked to disk, and nothing but the chunk asked for is in memory."""

import io
import os
import tarfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stream.errors import SourceError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SEPARATOR = "::"
"""Stands between a tar and its member: ``part000.tar::factory_001_worker_001_0000.mp4``."""

_NAMED_IN_ERRORS = 3


class Slice(io.RawIOBase):
    """The bytes ``[offset, offset + size)`` of a file as a read-only, seekable file of their own."""

    def __init__(self, path: Path, offset: int, size_bytes: int) -> None:
        super().__init__()
        self.name = str(path)
        self._file = path.open("rb", buffering=0)
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
        self._file.seek(self._offset + self._position)
        count = self._file.readinto(room)
        self._position += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def find_member(tar: Path, name: str) -> tuple[int, int]:
    """Offset and size, in bytes, of the data of member ``name`` in an uncompressed ``tar``.

    Where a name occurs twice the later one counts, as everywhere with tars. Of a member that the tar was cut off in,
    the size is that of what is left.

    Raises:
        SourceError: not a tar, or compressed; no such member; or one whose bytes do not lie in one piece in the tar.
    """
    members = {member.name.removeprefix("./"): member for member in _members(tar)}
    member = members.get(name.removeprefix("./"))
    if member is None:
        raise SourceError(f"{tar} has no member {name!r}: {_videos_among(list(members), tar)}")
    if member.islnk() or member.issym():
        raise SourceError(f"{tar}{SEPARATOR}{name} is a link to {member.linkname!r}: name the member itself")
    if not member.isreg() or member.issparse():
        raise SourceError(f"{tar}{SEPARATOR}{name} is not an ordinary file: name a member that holds a clip")
    return member.offset_data, max(0, min(member.size, tar.stat().st_size - member.offset_data))


def clips_in(tar: Path) -> list[str]:
    """The names of the ``.mp4`` members of an uncompressed ``tar``, in order, each once; links are none.

    Raises:
        SourceError: not a tar, or compressed.
    """
    names = (member.name for member in _members(tar) if member.isreg() and _is_video(member.name))
    return list(dict.fromkeys(names))


def ask_for_member(tar: Path) -> SourceError:
    """The error for a tar that was named without a member."""
    names = [member.name for member in _members(tar)]
    return SourceError(f"{tar} is a tar, and which clip of it is not said: {_videos_among(names, tar)}")


def _members(tar: Path) -> list[tarfile.TarInfo]:
    members: list[tarfile.TarInfo] = []
    try:
        with tarfile.open(tar, "r:") as archive, suppress(tarfile.ReadError):  # cut off: what stands before counts
            members.extend(archive)
    except tarfile.TarError as error:
        raise SourceError(
            f"{tar} cannot be read as an uncompressed tar ({error}): unpack or decompress it first"
        ) from error
    return members


def _videos_among(names: list[str], tar: Path) -> str:
    videos = [name for name in names if _is_video(name)]
    if not videos:
        return f"no .mp4 is in it (list its {len(names)} members with: tar tf {tar})"
    more = f", and {len(videos) - _NAMED_IN_ERRORS} more" if len(videos) > _NAMED_IN_ERRORS else ""
    listed = ", ".join(f"{tar.name}{SEPARATOR}{name}" for name in videos[:_NAMED_IN_ERRORS])
    return f"choose one of {listed}{more} (tar tf {tar} lists all)"


def _is_video(name: str) -> bool:
    return name.lower().endswith(".mp4")
