"""Lists the clips of a remote address: a clip, a shard, a folder, or everything that a pattern matches."""

from dataclasses import replace
from glob import has_magic
from pathlib import PurePosixPath

from stream.errors import SourceError
from stream.sources.address import ClipSpec
from stream.sources.member import clips_in, is_hidden, is_sidecar
from stream.sources.remote.address import RemoteAddress, parse_address
from stream.sources.remote.errors import WholeFilesOnlyError
from stream.sources.remote.file import RemoteFile
from stream.sources.remote.storage import Storage, storage_of

_VIDEO, _TAR = ".mp4", ".tar"


def find_remote(spec: str, *, download: bool) -> tuple[RemoteFile, str | None]:
    """The file at an address, and the member of it that the address names.

    Raises:
        SourceError: there is none, it is a folder, or it cannot be read.
        NoRoomError: the disk is full.
    """
    address = parse_address(spec)
    storage = storage_of(address)
    file = storage.file_if_any(address.path) if address.path else None
    if file is None:
        problem = "is a folder, and no clip in it is named" if _is_folder(storage, address.path) else "does not exist"
        raise SourceError(f"{spec} {problem}: name a clip, or a member of a tar as TAR::MEMBER")
    return file.fetched() if download else file, address.member


def list_remote_clips(spec: str, *, download: bool = False) -> list[ClipSpec]:
    """Every clip at an address, in order; empty if there is none.

    A shard stands for its ``.mp4`` members, a folder for its ``.mp4`` files and the members of its shards. Each part
    of the path may be a pattern as for a shell; with a slash at its end a pattern matches folders alone. A folder or a
    shard that cannot be listed stays in the list with its error, and does not stop the others.

    Args:
        spec: The address.
        download: Whether a shard is fetched whole if the server does not serve parts of it.

    Raises:
        SourceError: the storage cannot be listed.
        NoRoomError: a shard does not fit on the disk.
    """
    address = parse_address(spec)
    if address.member is not None:
        return [ClipSpec(spec)]
    storage = storage_of(address)
    folders_only = spec.endswith("/")
    if has_magic(address.path):
        found = [
            (path, is_folder)
            for path, is_folder in storage.matches(address.path)
            if (is_folder or not folders_only) and not is_hidden(path) and not is_sidecar(path)
        ]
    else:
        found = [(address.path, folders_only or not PurePosixPath(address.path).suffix)]
    clips: list[ClipSpec] = []
    for path, is_folder in found:
        list_clips = _in_folder if is_folder else _in_file
        clips += list_clips(storage, replace(address, path=path), download=download)
    return clips


def _is_folder(storage: Storage, path: str) -> bool:
    try:
        return bool(storage.entries(path))
    except SourceError as error:
        if isinstance(error.__cause__, FileNotFoundError) and error.__cause__.__cause__ is None:
            return False
        raise


def _in_folder(storage: Storage, folder: RemoteAddress, *, download: bool) -> list[ClipSpec]:
    """The clips in a folder, and those in its shards."""
    try:
        entries = storage.entries(folder.path)
    except SourceError as error:
        return [ClipSpec(str(folder), error)]
    paths = [path for path, is_folder in entries if not is_folder and not is_hidden(path)]
    files = [replace(folder, path=path) for path in paths if path.lower().endswith((_VIDEO, _TAR))]
    return [clip for file in files for clip in _in_file(storage, file, download=download)]


def _in_file(storage: Storage, file: RemoteAddress, *, download: bool) -> list[ClipSpec]:
    """A shard stands for its clips, any other file for itself."""
    if not file.path.lower().endswith(_TAR):
        return [ClipSpec(str(file))]
    try:
        members = _members(storage, file.path, download=download)
    except SourceError as error:
        return [ClipSpec(str(file), error)]
    return [ClipSpec(str(replace(file, member=name))) for name in members] or [ClipSpec(str(file))]


def _members(storage: Storage, path: str, *, download: bool) -> list[str]:
    shard = storage.file_if_any(path)
    if shard is None:
        return []
    try:
        return clips_in(shard)
    except WholeFilesOnlyError:
        if not download:
            raise
        return clips_in(shard.fetched())
