"""The clips of runs: where the runs read them, or in the folder to which they were moved."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import chain
from pathlib import Path

from stream.errors import InputError, SourceError
from stream.records.schema.manifest import Manifest
from stream.sources.address import FILE, scheme_of
from stream.sources.clip import Clip
from stream.sources.member import SEPARATOR
from stream.sources.table import open_clip


class ClipFinder:
    """Finds the clip of a run, and verifies that it is the one that the run read."""

    def __init__(self, folder: Path | None = None) -> None:
        """``folder`` is searched for the files of clips that are not where their runs read them."""
        self._folder = folder

    def find(self, manifest: Manifest) -> Clip:
        """The clip that a run read.

        Raises:
            InputError: the run read a live source; the clip is not found, or has other bytes.
            UsageError: it is remote, and the network is forbidden.
        """
        if manifest.source.size_bytes is None:
            raise InputError(f"{manifest.source.name} was a live source: there is no clip to cut episodes from")
        address = _address(manifest)
        for clip in chain(self._in_place(address), self._moved(address)):
            if _is_of(manifest, clip):
                return clip
        raise self._missing(address)

    def _in_place(self, address: str) -> Iterator[Clip]:
        if _is_remote(address) or _file_of(address).exists():
            yield open_clip(address)

    def _moved(self, address: str) -> Iterator[Clip]:
        """The clips of the same name in the folder; none for a remote clip."""
        if _is_remote(address):
            return
        file = _file_of(address)
        for path in self._paths.get(file.name, ()):
            try:
                yield open_clip(f"{path}{address.removeprefix(str(file))}")
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
            return InputError(f"{address} is no longer the clip of its run: its bytes have changed")
        if self._folder is None:
            return InputError(f"{address} no longer exists: name the folder that holds it with --clips")
        return InputError(f"{address} no longer exists, and no file in --clips {self._folder} is the same clip")


def _address(manifest: Manifest) -> str:
    """Where the run read its clip; on the hub at the commit that it read."""
    return manifest.source.name if manifest.source.origin else str(manifest.options["source"])


def _is_remote(address: str) -> bool:
    return scheme_of(address) != FILE


def _file_of(address: str) -> Path:
    """The clip's file, or the tar that holds it."""
    return Path(address) if Path(address).exists() else Path(address.partition(SEPARATOR)[0])


def _is_of(manifest: Manifest, clip: Clip) -> bool:
    """Whether a clip has the bytes that the run read; those of a commit on the hub never change."""
    there = manifest.source
    return clip.size_bytes == there.size_bytes and clip.edges_sha256() == there.edges_sha256
