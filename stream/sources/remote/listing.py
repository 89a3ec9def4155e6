"""Lists the clips of a remote address: a clip, a shard, a folder, or everything that a pattern matches."""

from dataclasses import dataclass, field, replace
from glob import has_magic
from pathlib import PurePosixPath

from stream.errors import SourceError
from stream.sources.address import ClipSpec
from stream.sources.member import members_of
from stream.sources.remote.address import RemoteAddress, parse_address
from stream.sources.remote.errors import WholeFilesOnlyError
from stream.sources.remote.file import RemoteFile
from stream.sources.remote.storage import Storage, storage_of
from stream.sources.selection import (
    Candidate,
    Listing,
    is_hidden,
    is_named_compressed_tar,
    is_named_tar,
    kind_by_name,
    select,
    tar_needs_disk,
    without_video,
)
from stream.sources.signatures import HEAD_BYTES, UNKNOWN, content_of

_MOST_HEADS = 64
"""Files of one listing whose first bytes are fetched because their names do not tell what they are."""


def find_remote(spec: str, *, download: bool) -> tuple[RemoteFile, str | None]:
    """The file at an address, and the member of it that the address names.

    Raises:
        SourceError: there is none, it is a folder or a compressed tar, or it cannot be read.
        NoRoomError: the disk is full.
    """
    address = parse_address(spec)
    if is_named_compressed_tar(address.path):
        raise tar_needs_disk(spec)
    storage = storage_of(address)
    file = storage.file_if_any(address.path) if address.path else None
    if file is None:
        problem = "is a folder, and no clip in it is named" if _is_folder(storage, address.path) else "does not exist"
        raise SourceError(f"{spec} {problem}: name a clip, or a member of a tar as TAR::MEMBER")
    return file.fetched() if download else file, address.member


def list_remote_clips(spec: str, *, download: bool = False) -> Listing | None:
    """Every clip at an address, in order, and what else is there; None if the address names a clip, or nothing.

    A shard stands for its videos, a folder for its videos and those of its shards. Each part of the path may be a
    pattern as for a shell; with a slash at its end a pattern matches folders alone. A folder or a shard that cannot be
    listed stays in the list with its error, and does not stop the others.

    Args:
        spec: The address.
        download: Whether a shard is fetched whole if the server does not serve parts of it.

    Raises:
        SourceError: the storage cannot be listed.
        NoRoomError: a shard does not fit on the disk.
    """
    address = parse_address(spec)
    if address.member is not None:
        return None
    place = _Place(storage_of(address), download=download)
    folders_only = spec.endswith("/")
    if not has_magic(address.path):
        if folders_only or not PurePosixPath(address.path).suffix:
            found = place.folder(address)
            return found if found.clips or found.left_out else None
        return place.shard(address) if is_named_tar(address.path) else None
    matches = place.storage.matches(address.path)
    matched = [(replace(address, path=path), is_folder) for path, is_folder in matches if is_folder or not folders_only]
    if not matched:
        return None
    return select(place.folder(each) if is_folder else place.file(each) for each, is_folder in matched)


def _is_folder(storage: Storage, path: str) -> bool:
    try:
        return bool(storage.entries(path))
    except SourceError as error:
        if isinstance(error.__cause__, FileNotFoundError) and error.__cause__.__cause__ is None:
            return False
        raise


@dataclass(slots=True)
class _Place:
    """One listing of a storage."""

    storage: Storage
    download: bool = field(kw_only=True)
    heads_left: int = field(default_factory=lambda: _MOST_HEADS)

    def folder(self, folder: RemoteAddress) -> Listing:
        """The files in a folder, and those in its shards."""
        try:
            entries = self.storage.entries(folder.path)
        except SourceError as error:
            return Listing([ClipSpec(str(folder), error)])
        inside = [(replace(folder, path=path), is_folder) for path, is_folder in entries]
        return select(
            Candidate(str(each), UNKNOWN, reason="folder") if is_folder else self.file(each)
            for each, is_folder in inside
        )

    def file(self, file: RemoteAddress) -> Candidate | Listing:
        """A shard stands for its clips; what any other file is, its name says, or else its first bytes."""
        if is_named_tar(file.path) and not is_hidden(file.path):
            return self.shard(file)
        if is_named_compressed_tar(file.path) and not is_hidden(file.path):  # opening it says that it is not read
            return Listing([ClipSpec(str(file))])
        content = kind_by_name(file.path)
        if content is not None or is_hidden(file.path):
            return Candidate(str(file), content or UNKNOWN)
        if self.heads_left == 0:
            return Candidate(str(file), UNKNOWN, reason="file without a telling name")
        self.heads_left -= 1
        try:
            found = self.storage.file_if_any(file.path)
            return Candidate(str(file), content_of(found.fetch(0, HEAD_BYTES) if found else b""))
        except SourceError as error:
            return Listing([ClipSpec(str(file), error)])

    def shard(self, shard: RemoteAddress) -> Listing:
        """The clips in a shard; one without any has that as its fault."""
        try:
            found = self._members(shard)
        except SourceError as error:
            return Listing([ClipSpec(str(shard), error)])
        if not found.clips:
            found.clips.append(ClipSpec(str(shard), without_video(str(shard), found.left_out)))
        return found

    def _members(self, shard: RemoteAddress) -> Listing:
        file = self.storage.file_if_any(shard.path)
        if file is None:  # opening it says so
            return Listing([ClipSpec(str(shard))])
        try:
            return members_of(file, str(shard))
        except WholeFilesOnlyError:
            if not self.download:
                raise
            return members_of(file.fetched(), str(shard))
