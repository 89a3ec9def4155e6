"""Which clips an address on the hub stands for: a clip, a shard, a worker's folder, or all that a pattern matches."""

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from glob import has_magic
from pathlib import PurePosixPath

from stream.errors import SourceError
from stream.sources.member import clips_in, is_hidden, is_sidecar
from stream.sources.named import Named
from stream.sources.remote.address import Address, parse_address
from stream.sources.remote.hub import DataSet, data_set_of
from stream.sources.remote.ranges import WholeFilesOnlyError

_VIDEO, _TAR = ".mp4", ".tar"


def clips_on_hub(spec: str, *, download: bool = False) -> list[Named]:
    """Every clip, in order; none if there is none.

    A shard stands for its ``.mp4`` members, a folder for its ``.mp4`` files and the members of its shards. Each part
    of the path may be a pattern as for a shell, but for ``**``; with a slash at the end it matches folders alone.
    A folder or a shard that cannot be looked into stays as it is, with the reason; the others are not held up by it.

    Args:
        spec: The address.
        download: A shard whose server gives whole files only is fetched.

    Raises:
        SourceError: the hub does not tell.
        NoRoomError: a shard does not fit on the disk.
    """
    asked = parse_address(spec)
    if asked.member is not None:
        return [Named(spec)]
    data_set = data_set_of(asked)
    folders_alone = spec.endswith("/")
    if has_magic(asked.path):
        places = list(_matching(data_set, PurePosixPath(asked.path).parts, "", folders_alone=folders_alone))
    else:
        places = [(asked.path, folders_alone or not PurePosixPath(asked.path).suffix)]
    clips: list[Named] = []
    for path, is_folder in places:
        look = _in_folder if is_folder else _in_file
        clips += look(data_set, replace(asked, path=path), download=download)
    return clips


def _in_folder(data_set: DataSet, folder: Address, *, download: bool) -> list[Named]:
    """The clips in it, and those in its shards."""
    try:
        entries = data_set.entries(folder.path)
    except SourceError as error:
        return [Named(str(folder), error)]
    paths = [path for path, is_folder in entries if not is_folder and not is_hidden(path)]
    files = [replace(folder, path=path) for path in paths if path.lower().endswith((_VIDEO, _TAR))]
    return [clip for file in files for clip in _in_file(data_set, file, download=download)]


def _in_file(data_set: DataSet, file: Address, *, download: bool) -> list[Named]:
    """A shard stands for its clips, and all else for itself."""
    if not file.path.lower().endswith(_TAR):
        return [Named(str(file))]
    try:
        members = _members(data_set, file.path, download=download)
    except SourceError as error:
        return [Named(str(file), error)]
    return [Named(str(replace(file, member=name))) for name in members] or [Named(str(file))]


def _members(data_set: DataSet, path: str, *, download: bool) -> list[str]:
    shard = data_set.file_if_any(path)
    if shard is None:
        return []
    try:
        return clips_in(shard)
    except WholeFilesOnlyError:
        if not download:
            raise
        return clips_in(shard.fetched())


def _matching(
    data_set: DataSet, patterns: tuple[str, ...], folder: str, *, folders_alone: bool
) -> Iterator[tuple[str, bool]]:
    """Paths below ``folder`` whose parts match the patterns, by name, each with whether it is a folder.

    Only folders that match are looked into.
    """
    first, *rest = patterns
    for path, is_folder in data_set.entries(folder):
        if not fnmatchcase(PurePosixPath(path).name, first) or is_hidden(path):
            continue
        if rest and is_folder:
            yield from _matching(data_set, tuple(rest), path, folders_alone=folders_alone)
        elif not rest and (is_folder or not folders_alone) and not is_sidecar(path):
            yield path, is_folder
