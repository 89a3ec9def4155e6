"""Members of a tar, read in place: nothing is unpacked to disk, and only the requested chunk is in memory."""

import posixpath
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath

from stream.errors import SourceError
from stream.sources.address import ClipSpec
from stream.sources.compressed import CompressedTar, SpooledMember, compressed_tar
from stream.sources.local import File, LocalFile
from stream.sources.selection import Candidate, Listing, is_named_tar, select, without_video
from stream.sources.signatures import HEAD_BYTES, UNKNOWN, is_tar_header
from stream.sources.tar import Entry, contents_of

SEPARATOR = "::"
"""Separates a tar from its member: ``part000.tar::factory_001_worker_001_0000.mp4``."""

_NAMED_IN_ERRORS = 3
_MOST_LINKS = 8
"""Links from a link to a link that are followed."""


def find_member(tar: File, name: str) -> tuple[int, int]:
    """Offset and size, in bytes, of the data of member ``name`` in an uncompressed ``tar``; links are followed.

    If a name occurs twice the later member counts, as usual for tars. If the tar was cut off within the member, or its
    header claims more than there is, the size is what is left.

    Raises:
        SourceError: not a tar, or compressed; no such member; one whose bytes do not lie in one piece in the tar; or a
            link to something else.
    """
    entry = _entry_of(tar, name)
    return entry.offset, max(0, min(entry.size_bytes, tar.size_bytes - entry.offset))


def spooled_member(tar: CompressedTar, name: str) -> SpooledMember:
    """Member ``name`` of a compressed tar, in a temporary file.

    Raises:
        SourceError: as ``find_member``; or the tar is damaged before the member's end.
        NoRoomError: it does not fit on the disk.
    """
    return tar.spool(_entry_of(tar, name))


def tar_at(path: Path) -> LocalFile | CompressedTar | None:
    """The tar at a path, by its first bytes, or plain by its name; None if the file is none.

    Raises:
        OSError: it cannot be read.
    """
    if not path.is_file():
        return None
    if (packed := compressed_tar(path)) is not None:
        return packed
    with path.open("rb") as file:
        return LocalFile(path) if is_named_tar(path.name) or is_tar_header(file.read(HEAD_BYTES)) else None


def _entry_of(tar: File, name: str) -> Entry:
    entries = _by_name(contents_of(tar))
    entry = entries.get(_plain(name))
    if entry is None:
        raise SourceError(f"{tar.name} has no member {name!r}: {_choice_of(tar)}")
    entry = _followed(entry, entries)
    if entry.kind == "link":
        raise SourceError(f"{tar.name}{SEPARATOR}{name} is a link to {entry.target!r}, which is not in the tar")
    if entry.kind != "file":
        raise SourceError(f"{tar.name}{SEPARATOR}{name} is not an ordinary file: name a member that holds a clip")
    return entry


def members_of(tar: File, spec: str) -> Listing:
    """The clips in a ``tar``, which ``spec`` names: each once, in order; and what else is in it.

    If a compressed one is damaged, that comes last, as the fault of the tar.

    Raises:
        SourceError: not a tar.
    """
    found = select(_candidates(tar, spec))
    if isinstance(tar, CompressedTar) and tar.damage:
        fault = SourceError(f"{spec} is damaged ({tar.damage}): only the clips before that can be read")
        found.clips.append(ClipSpec(spec, fault))
    return found


def is_tar(file: File, offset: int = 0, size_bytes: int | None = None) -> bool:
    """Whether the bytes from ``offset`` on, up to the end of the file if no size is given, are a tar."""
    with file.open(offset, file.size_bytes - offset if size_bytes is None else size_bytes) as opened:
        return is_tar_header(opened.read(HEAD_BYTES) or b"")


def ask_for_member(tar: File) -> SourceError:
    """The error for a tar that was named without a member."""
    found = members_of(tar, tar.name)
    if not found.clips:
        return without_video(tar.name, found.left_out)
    return SourceError(f"{tar.name} is a tar, and no clip of it is named: {_choice_of(tar)}")


def _candidates(tar: File, spec: str) -> Iterator[Candidate]:
    from stream.video.container import holds_video

    entries = _by_name(contents_of(tar))
    for entry in entries.values():
        name = f"{spec}{SEPARATOR}{entry.name}"
        target = _followed(entry, entries)
        if target.kind == "file":
            probe = partial(holds_video, tar, target.offset, target.size_bytes) if tar.path else None
            yield Candidate(name, target.content or UNKNOWN, probe)
        elif target.kind != "folder":
            reason = f"link to {target.target}, which is not in the tar" if target.kind == "link" else "special file"
            yield Candidate(name, UNKNOWN, reason=reason)


def _by_name(entries: list[Entry]) -> Mapping[str, Entry]:
    """In the order of the tar; of two of one name, the later one."""
    return {_plain(entry.name): entry for entry in entries}


def _plain(name: str) -> str:
    return posixpath.normpath(name).lstrip("/") if name else name


def _followed(entry: Entry, entries: Mapping[str, Entry]) -> Entry:
    """The member that a link leads to; the last link, if it leads out of the tar or in a circle."""
    for _ in range(_MOST_LINKS):
        target = entries.get(_plain(entry.target)) if entry.kind == "link" else None
        if target is None:
            break
        entry = target
    return entry


def _choice_of(tar: File) -> str:
    how_to_list = f" (tar tf {tar.path} lists all)" if tar.path else ""
    clips = members_of(tar, PurePosixPath(tar.name).name).clips
    if not clips:
        return f"no video is in it{how_to_list}"
    more = f", and {len(clips) - _NAMED_IN_ERRORS} more" if len(clips) > _NAMED_IN_ERRORS else ""
    return f"choose one of {', '.join(clip.spec for clip in clips[:_NAMED_IN_ERRORS])}{more}{how_to_list}"
