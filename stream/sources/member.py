"""Members of a tar, read in place: nothing is unpacked to disk, and only the requested chunk is in memory."""

from pathlib import PurePosixPath

from stream.errors import SourceError
from stream.sources.local import File
from stream.sources.tar import contents_of

SEPARATOR = "::"
"""Separates a tar from its member: ``part000.tar::factory_001_worker_001_0000.mp4``."""

_NAMED_IN_ERRORS = 3
_MAGIC_AT, _MAGIC = 257, b"ustar"
"""In the header of POSIX.1-1988 and GNU tar."""


def find_member(tar: File, name: str) -> tuple[int, int]:
    """Offset and size, in bytes, of the data of member ``name`` in an uncompressed ``tar``.

    If a name occurs twice the later member counts, as usual for tars. If the tar was cut off within the member, or its
    header claims more than there is, the size is what is left.

    Raises:
        SourceError: not a tar, or compressed; no such member; or one whose bytes do not lie in one piece in the tar.
    """
    entries = {entry.name.removeprefix("./"): entry for entry in contents_of(tar)}
    entry = entries.get(name.removeprefix("./"))
    if entry is None:
        raise SourceError(f"{tar.name} has no member {name!r}: {_videos_among(list(entries), tar)}")
    if entry.kind == "link":
        raise SourceError(f"{tar.name}{SEPARATOR}{name} is a link to {entry.target!r}: name the member itself")
    if entry.kind == "other":
        raise SourceError(f"{tar.name}{SEPARATOR}{name} is not an ordinary file: name a member that holds a clip")
    return entry.offset, max(0, min(entry.size_bytes, tar.size_bytes - entry.offset))


def clips_in(tar: File) -> list[str]:
    """The names of the ``.mp4`` members of an uncompressed ``tar``, in order, each once; no links, no hidden ones.

    Raises:
        SourceError: not a tar, or compressed.
    """
    names = (entry.name for entry in contents_of(tar) if entry.kind == "file" and _is_video(entry.name))
    return [name for name in dict.fromkeys(names) if not is_hidden(name)]


def is_tar(file: File, offset: int = 0, size_bytes: int | None = None) -> bool:
    """Whether the bytes from ``offset`` on, up to the end of the file if no size is given, are a tar."""
    with file.open(offset, file.size_bytes - offset if size_bytes is None else size_bytes) as opened:
        opened.seek(_MAGIC_AT)
        return opened.read(len(_MAGIC)) == _MAGIC


def is_hidden(path: str) -> bool:
    """Whether a file is hidden, such as ``._clip.mp4``, which macOS adds beside every clip and which is no clip."""
    return PurePosixPath(path).name.startswith(".")


def is_sidecar(path: str) -> bool:
    """Whether a file is JSON, such as ``clip.json`` and ``intrinsics.json``, which a pattern may match as well."""
    return path.lower().endswith(".json")


def ask_for_member(tar: File) -> SourceError:
    """The error for a tar that was named without a member."""
    names = [entry.name for entry in contents_of(tar)]
    return SourceError(f"{tar.name} is a tar, and no clip of it is named: {_videos_among(names, tar)}")


def _videos_among(names: list[str], tar: File) -> str:
    videos = [name for name in names if _is_video(name)]
    how_to_list = f" (tar tf {tar.path} lists all)" if tar.path else ""
    if not videos:
        return f"no .mp4 is in it{how_to_list}"
    more = f", and {len(videos) - _NAMED_IN_ERRORS} more" if len(videos) > _NAMED_IN_ERRORS else ""
    short = PurePosixPath(tar.name).name
    listed = ", ".join(f"{short}{SEPARATOR}{name}" for name in videos[:_NAMED_IN_ERRORS])
    return f"choose one of {listed}{more}{how_to_list}"


def _is_video(name: str) -> bool:
    return name.lower().endswith(".mp4")
