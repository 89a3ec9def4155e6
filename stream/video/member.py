"""A member of a tar, read in place: nothing is unpacked to disk, and nothing but the chunk asked for is in memory."""

import tarfile
from contextlib import suppress
from pathlib import PurePosixPath

from stream.errors import SourceError
from stream.video.file import File

SEPARATOR = "::"
"""Stands between a tar and its member: ``part000.tar::factory_001_worker_001_0000.mp4``."""

_NAMED_IN_ERRORS = 3


def find_member(tar: File, name: str) -> tuple[int, int]:
    """Offset and size, in bytes, of the data of member ``name`` in an uncompressed ``tar``.

    Where a name occurs twice the later one counts, as everywhere with tars. Of a member that the tar was cut off in,
    the size is that of what is left.

    Raises:
        SourceError: not a tar, or compressed; no such member; or one whose bytes do not lie in one piece in the tar.
    """
    members = {member.name.removeprefix("./"): member for member in _members(tar)}
    member = members.get(name.removeprefix("./"))
    if member is None:
        raise SourceError(f"{tar.name} has no member {name!r}: {_videos_among(list(members), tar)}")
    if member.islnk() or member.issym():
        raise SourceError(f"{tar.name}{SEPARATOR}{name} is a link to {member.linkname!r}: name the member itself")
    if not member.isreg() or member.issparse():
        raise SourceError(f"{tar.name}{SEPARATOR}{name} is not an ordinary file: name a member that holds a clip")
    return member.offset_data, max(0, min(member.size, tar.size_bytes - member.offset_data))


def clips_in(tar: File) -> list[str]:
    """The names of the ``.mp4`` members of an uncompressed ``tar``, in order, each once; links are none.

    Raises:
        SourceError: not a tar, or compressed.
    """
    names = (member.name for member in _members(tar) if member.isreg() and _is_video(member.name))
    return list(dict.fromkeys(names))


def is_tar(file: File) -> bool:
    """Whether the file has the magic of POSIX.1-1988 and of GNU tar."""
    with file.skim() as opened:
        opened.seek(257)
        return opened.read(5) == b"ustar"


def ask_for_member(tar: File) -> SourceError:
    """The error for a tar that was named without a member."""
    names = [member.name for member in _members(tar)]
    return SourceError(f"{tar.name} is a tar, and which clip of it is not said: {_videos_among(names, tar)}")


def _members(tar: File) -> list[tarfile.TarInfo]:
    members: list[tarfile.TarInfo] = []
    try:
        with (
            tar.skim() as file,
            tarfile.open(fileobj=file, mode="r:") as archive,
            suppress(tarfile.ReadError),  # cut off: what stands before counts
        ):
            members.extend(archive)
    except tarfile.TarError as error:
        raise SourceError(
            f"{tar.name} cannot be read as an uncompressed tar ({error}): unpack or decompress it first"
        ) from error
    return members


def _videos_among(names: list[str], tar: File) -> str:
    videos = [name for name in names if _is_video(name)]
    if not videos:
        return f"no .mp4 is in it (list its {len(names)} members with: tar tf {tar.name})"
    more = f", and {len(videos) - _NAMED_IN_ERRORS} more" if len(videos) > _NAMED_IN_ERRORS else ""
    short = PurePosixPath(tar.name).name
    listed = ", ".join(f"{short}{SEPARATOR}{name}" for name in videos[:_NAMED_IN_ERRORS])
    return f"choose one of {listed}{more} (tar tf {tar.name} lists all)"


def _is_video(name: str) -> bool:
    return name.lower().endswith(".mp4")
