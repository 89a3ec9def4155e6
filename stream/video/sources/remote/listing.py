"""Which clips an address on the hub stands for: a clip, a shard, a worker's folder, or all that a pattern matches."""

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from glob import has_magic
from pathlib import PurePosixPath

from stream.errors import SourceError
from stream.video.sources.member import clips_in, is_hidden, is_sidecar
from stream.video.sources.remote.address import Address, parse_address
from stream.video.sources.remote.hub import DataSet, data_set_of

_VIDEO, _TAR = ".mp4", ".tar"


def clips_on_hub(spec: str) -> list[str]:
    """Every clip, in order, as ``stream.video.sources.source.open_source`` takes it; none if there is none.

    A shard stands for its ``.mp4`` members, a folder for its ``.mp4`` files and the members of its shards. Each part
    of the path may be a pattern as for a shell, but for ``**``; with a slash at the end it matches folders alone.

    Raises:
        SourceError: the hub does not tell.
    """
    asked = parse_address(spec)
    if asked.member is not None:
        return [spec]
    data_set = data_set_of(asked)
    folders_alone = spec.endswith("/")
    if has_magic(asked.path):
        places = list(_matching(data_set, PurePosixPath(asked.path).parts, "", folders_alone=folders_alone))
    else:
        places = [(asked.path, folders_alone or not PurePosixPath(asked.path).suffix)]
    return [
        str(clip)
        for path, is_folder in places
        for clip in _clips_at(data_set, replace(asked, path=path), is_folder=is_folder)
    ]


def _clips_at(data_set: DataSet, place: Address, *, is_folder: bool) -> Iterator[Address]:
    """A folder stands for what is in it, a shard for its clips, and all else for itself."""
    if not is_folder:
        is_shard = place.path.lower().endswith(_TAR)
        yield from (_members(data_set, place) if is_shard else []) or [place]
    else:
        paths = (path for path, is_folder in data_set.entries(place.path) if not is_folder and not is_hidden(path))
        for path in paths:
            if path.lower().endswith((_VIDEO, _TAR)):
                yield from _clips_at(data_set, replace(place, path=path), is_folder=False)


def _members(data_set: DataSet, shard: Address) -> list[Address]:
    try:
        file = data_set.file_if_any(shard.path)
        return [replace(shard, member=name) for name in clips_in(file)] if file else []
    except SourceError:
        return []  # opening it meets the same error, and reports it


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
