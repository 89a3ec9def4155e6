"""The clips of runs: where the runs read them, or in the folder to which they were moved or copied."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any, Final

from stream.errors import InputError, SourceError
from stream.records.schema.manifest import Manifest
from stream.sources.address import FILE, HIDDEN, scheme_of
from stream.sources.clip import Clip
from stream.sources.member import SEPARATOR
from stream.sources.table import open_clip, open_source

_COPY: Final = "name the folder of a copy with --clips"


class ClipFinder:
    """Finds the clip of a run, and verifies that it is the one that the run read."""

    def __init__(self, folder: Path | None = None) -> None:
        """``folder`` is searched before the place where a run read its clip."""
        self._folder = folder

    def find(self, manifest: Manifest) -> Clip:
        """The clip that a run read.

        Raises:
            InputError: the run read a live source; the clip is not found, or has other bytes.
            UsageError: it is remote, and the network is forbidden.
        """
        if manifest.source.size_bytes is None:
            raise InputError(f"{manifest.source.name} was a live source: there is no clip to read again")
        address = _address(manifest)
        for clip in chain(self._in_folder(address), _in_place(address)):
            if _is_of(manifest, clip):
                return clip
        raise self._missing(address)

    def _in_folder(self, address: str) -> Iterator[Clip]:
        """The clips of the same name in the folder; for a member of a tar also files of the member's name."""
        file, separator, member = _parts_of(address)
        specs = [f"{path}{separator}{member}" for path in self._paths.get(PurePosixPath(file).name, ())]
        if member:
            specs += map(str, self._paths.get(PurePosixPath(member).name, ()))
        for spec in specs:
            try:
                yield open_clip(spec)
            except SourceError:  # a tar of the same name without that member, or an empty file: not the one
                continue

    @cached_property
    def _paths(self) -> Mapping[str, list[Path]]:
        """All files of the folder and those below it, by name."""
        paths: dict[str, list[Path]] = defaultdict(list)
        if self._folder is not None:
            for path in sorted(self._folder.rglob("*")):
                paths[path.name].append(path)
        return paths

    def _missing(self, address: str) -> InputError:
        if _is_remote(address) or _file_of(address).exists():
            return InputError(f"{address} is no longer the clip of its run, because its bytes have changed: {_COPY}")
        if self._folder is not None:
            return InputError(f"{address} no longer exists, and no file in --clips {self._folder} is the same clip")
        if not Path(address).is_absolute():
            return InputError(f"{address} is not below {Path.cwd()}: name the folder that holds it with --clips")
        return InputError(f"{address} no longer exists: name the folder that holds it with --clips")


def _in_place(address: str) -> Iterator[Clip]:
    if not _is_remote(address):
        if _file_of(address).exists():
            yield open_clip(address)
        return
    if HIDDEN in address:
        raise InputError(f"{address} had a password or a token, which records do not hold: {_COPY}")
    try:
        source = open_source(address)
    except SourceError as error:
        raise InputError(f"{error}; or {_COPY}") from error
    if not isinstance(source, Clip):
        raise InputError(f"{address} cannot be read in parts, because its server sends only all of it: {_COPY}")
    yield source


def _address(manifest: Manifest) -> str:
    """Where the run read its clip; on the hub at the commit that it read."""
    return manifest.source.name if manifest.source.origin else str(manifest.options["source"])


def _is_remote(address: str) -> bool:
    return scheme_of(address) != FILE


def _file_of(address: str) -> Path:
    return Path(_parts_of(address)[0])


def _parts_of(address: str) -> tuple[str, str, str]:
    """The clip's file or the tar that holds it, the separator, and the member; the last two are empty for a file."""
    return (address, "", "") if Path(address).exists() else address.partition(SEPARATOR)


def _is_of(manifest: Manifest, clip: Clip) -> bool:
    """Whether a clip has the bytes that the run read.

    Local clips are compared by their edges, remote ones by what the storage calls their content, and a copy of a
    remote clip by its size, and its SHA-256 where the storage has stated one.
    """
    there, origin = manifest.source, clip.origin()
    if clip.size_bytes != there.size_bytes:
        return False
    if there.origin is None:
        return clip.edges_sha256() == there.edges_sha256
    if origin is None:
        return there.sha256 is None or clip.sha256() == there.sha256
    return _version_of(origin) == _version_of(there.origin)


def _version_of(origin: dict[str, Any]) -> object:
    """What a storage calls the content of a file: a digest, or an ETag; None if it says nothing."""
    return origin.get("oid") or origin.get("etag")
