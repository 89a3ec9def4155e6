"""A data set on the hub at one commit: its folders, and its files as files that can be read anywhere."""

import io
import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from models.weights.hub.retry import attempts
from models.weights.hub.tree import ANSWERS_WITHIN_S, tree
from models.weights.token import hub_token
from stream.errors import SourceError
from stream.sources.local import LocalFile
from stream.sources.remote.address import Address, parse_address
from stream.sources.remote.blocks import BlockFile, Blocks
from stream.sources.remote.ranges import Ranges, Traffic, waiting
from stream.sources.remote.refusals import told

BLOCK_BYTES = 1 << 20
KEPT_BLOCKS = 8
"""Memory for a clip: 8 MiB, and 2 more while reading ahead."""
SKIM_BYTES = 1 << 15
KEPT_SKIMMED = 4
_COMMIT = re.compile(r"[0-9a-f]{40}")


def find_on_hub(spec: str, *, download: bool) -> "tuple[HubFile, str | None]":
    """The file that an address names, and the member of it, if it names one.

    Raises:
        SourceError: it names nothing, a folder, or what may not be read.
        NoRoomError: the disk is full.
    """
    address = parse_address(spec)
    data_set = data_set_of(address)
    file = data_set.file_if_any(address.path) if address.path else None
    if file is None:
        there = "is a folder, and no clip in it is named" if data_set.entries(address.path) else "does not exist"
        raise SourceError(f"{spec} {there}: name a clip, or a member of a tar as TAR::MEMBER")
    return file.fetched() if download else file, address.member


def data_set_of(address: Address) -> "DataSet":
    """The data set at the commit that the address' revision is now; within one process it stays the same.

    Raises:
        SourceError: there is none, no such revision, or the hub does not tell.
    """
    revision = address.revision
    is_commit = revision is not None and _COMMIT.fullmatch(revision)
    commit = revision if revision and is_commit else _commit_of(address.data_set, revision)
    return DataSet(address.data_set, revision, commit)


@lru_cache
def _commit_of(name: str, revision: str | None) -> str:
    from huggingface_hub import HfApi

    with told(str(Address(name, revision, ""))):
        api = HfApi(token=hub_token())
        for attempt in attempts(waiting, connected=False):
            with attempt:
                found = api.dataset_info(name, revision=revision, timeout=ANSWERS_WITHIN_S).sha
    if found is None:
        raise SourceError(f"the hub does not say which commit {revision or 'the main branch'} of {name} is")
    return found


@dataclass(frozen=True, slots=True)
class DataSet:
    """A data set as it is at one commit."""

    name: str
    revision: str | None
    """As it was asked for."""
    commit: str
    traffic: Traffic = field(default_factory=Traffic, compare=False)

    def address(self, path: str) -> Address:
        """Of a file or folder at this commit."""
        return Address(self.name, self.commit, path)

    def entries(self, folder: str) -> list[tuple[str, bool]]:
        """Paths in a folder, by name, each with whether it is a folder.

        Raises:
            SourceError: the hub does not tell.
        """
        from huggingface_hub import RepoFolder

        with told(str(self.address(folder))):
            entries = tree(self.name, self.commit, folder, kind="dataset", waiting=waiting)
            return sorted((entry.path, isinstance(entry, RepoFolder)) for entry in entries)

    def file_if_any(self, path: str) -> "HubFile | None":
        """A file of it; None if there is none of this name.

        Raises:
            SourceError: it may not be read.
        """
        from huggingface_hub.errors import RemoteEntryNotFoundError

        with told(str(self.address(path))):
            try:
                return self._file(path)
            except RemoteEntryNotFoundError:
                return None

    def _file(self, path: str) -> "HubFile":
        from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # a lazy export

        token = hub_token()
        url = hf_hub_url(self.name, path, repo_type="dataset", revision=self.commit, endpoint=constants.ENDPOINT)
        for attempt in attempts(waiting, connected=False):
            with attempt:
                found = get_hf_file_metadata(url, token=token, timeout=ANSWERS_WITHIN_S)
        name = str(self.address(path))
        if found.etag is None or found.size is None:
            raise SourceError(f"{name} cannot be read: the server gives no size or no ETag for it, as the hub does")
        ranges = Ranges(name, url, found.etag, found.size, build_hf_headers(token=token), self.traffic)
        blocks = Blocks(ranges.fetch, found.size, block_bytes=BLOCK_BYTES, kept=KEPT_BLOCKS, ahead=True)
        return HubFile(self, path, ranges, blocks)


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file on the hub: read where it is, or fetched whole and read here."""

    data_set: DataSet
    path_in_data_set: str
    ranges: Ranges
    blocks: Blocks = field(compare=False, repr=False)
    local: LocalFile | None = None
    """It was fetched to here."""

    @property
    def name(self) -> str:
        return self.ranges.name

    @property
    def size_bytes(self) -> int:
        return self.ranges.size_bytes

    @property
    def path(self) -> Path | None:
        return self.local.path if self.local else None

    @property
    def oid(self) -> str:
        return self.ranges.etag

    @property
    def origin(self) -> dict[str, Any]:
        return {
            "data_set": self.data_set.name,
            "revision": self.data_set.revision,
            "commit": self.data_set.commit,
            "path": self.path_in_data_set,
            "oid": self.oid,
            "file_bytes": self.size_bytes,
        }

    @property
    def fetched_bytes(self) -> int:
        return self.data_set.traffic.fetched_bytes

    def open(self, offset: int, size_bytes: int) -> io.RawIOBase:
        if self.local:
            return self.local.open(offset, size_bytes)
        return BlockFile(self.blocks, self.name, offset, size_bytes)

    def skim(self) -> io.RawIOBase:
        if self.local:
            return self.local.skim()
        blocks = Blocks(self.ranges.fetch, self.size_bytes, block_bytes=SKIM_BYTES, kept=KEPT_SKIMMED, ahead=False)
        return BlockFile(blocks, self.name, 0, self.size_bytes)

    def beside(self, name: str) -> "HubFile | None":
        return self.data_set.file_if_any(str(PurePosixPath(self.path_in_data_set).with_name(name)))

    def on_disk(self) -> Path:
        """In the hub's cache."""
        from huggingface_hub import hf_hub_download, try_to_load_from_cache

        name, path, commit = self.data_set.name, self.path_in_data_set, self.data_set.commit
        if not isinstance(try_to_load_from_cache(name, path, revision=commit, repo_type="dataset"), str):
            self.data_set.traffic.fetched_bytes += self.size_bytes
        with told(self.name):
            for attempt in attempts(waiting, connected=True):
                with attempt:
                    found = hf_hub_download(name, path, repo_type="dataset", revision=commit, token=hub_token())
        return Path(found)

    def fetched(self) -> "HubFile":
        """The same, read from the hub's cache."""
        return replace(self, local=LocalFile(self.on_disk()))
