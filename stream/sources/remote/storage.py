"""Remote storage through fsspec: the folders and files below one root, at one commit of the hub."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.weights.hub_client import ANSWERS_WITHIN_S, attempts, configure_client
from models.weights.token import hub_token
from stream.errors import SourceError
from stream.sources.network import require_network
from stream.sources.remote.address import HUB, RemoteAddress
from stream.sources.remote.errors import as_source_errors
from stream.sources.remote.file import RemoteFile, Traffic

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Storage:
    """A data set at one commit, or a bucket."""

    address: RemoteAddress
    """Its root, with the revision as it was given."""
    commit: str | None
    """On the hub."""
    file_system: "AbstractFileSystem"
    traffic: Traffic = field(default_factory=Traffic, compare=False)

    def path_of(self, path: str) -> str:
        """The file system's own path of ``path``, which is below the root."""
        root = f"{self.address.root}@{self.commit}" if self.commit else self.address.root
        return f"{root}/{path}" if path else root

    def name_of(self, path: str) -> str:
        """Its address, with the commit."""
        revision = self.commit or self.address.revision
        return str(RemoteAddress(self.address.scheme, self.address.root, revision, path))

    def entries(self, folder: str) -> list[tuple[str, bool]]:
        """Paths in a folder, by name, each with whether it is a folder.

        Raises:
            SourceError: the folder cannot be listed.
        """
        found = self._list(folder, partial(self.file_system.ls, self.path_of(folder), detail=True))
        return sorted(self._entry(each) for each in found if self._entry(each)[0] != folder)

    def matches(self, pattern: str) -> list[tuple[str, bool]]:
        """Paths that match a pattern as for a shell, by name, each with whether it is a folder.

        Raises:
            SourceError: the folders cannot be listed.
        """
        found = self._list(pattern, partial(self.file_system.glob, self.path_of(pattern), detail=True))
        return sorted(self._entry(each) for each in found.values())

    def file_if_any(self, path: str) -> RemoteFile | None:
        """A file below the root; None if there is none of this name.

        Raises:
            SourceError: it cannot be read.
        """
        options = {"expand_info": True} if self.address.scheme == HUB else {}  # asks for the file, not for its folder
        try:
            info = self._ask(path, partial(self._info, self.path_of(path), **options))
        except SourceError as error:
            if isinstance(error.__cause__, FileNotFoundError) and error.__cause__.__cause__ is None:
                return None
            raise
        if info["type"] != "file":
            return None
        return RemoteFile(
            name=self.name_of(path),
            size_bytes=info["size"],
            oid=_oid(info),
            origin={**self._origin(path), "oid": _oid(info), "file_bytes": info["size"]},
            traffic=self.traffic,
            opens=partial(self.file_system.open, self.path_of(path), "rb", **self._open_options(info)),
            fetches=partial(self._fetch_whole, path),
            sibling=self.file_if_any,
            path_in_storage=path,
        )

    def _info(self, path: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401  (the client's)
        info: dict[str, Any] = self.file_system.info(path, **options)
        return info

    def _list(self, path: str, listing: Callable[[], Any]) -> Any:  # noqa: ANN401  (fsspec is untyped)
        """Every client repeats a listing by itself; the hub's does not repeat the question for the commit before it."""
        if self.address.scheme == HUB:
            self._ask(path, partial(self.file_system.resolve_path, self.path_of("")))
        with as_source_errors(self.name_of(path)):
            return listing()

    def _ask(self, path: str, request: Callable[[], Any]) -> Any:  # noqa: ANN401  (fsspec is untyped)
        with as_source_errors(self.name_of(path)):
            if self.address.scheme != HUB:
                return request()
            for attempt in attempts():
                with attempt:
                    return request()
        raise AssertionError("unreachable")

    def _entry(self, info: dict[str, Any]) -> tuple[str, bool]:
        return info["name"].removeprefix(self.path_of("")).strip("/"), info["type"] == "directory"

    def _origin(self, path: str) -> dict[str, Any]:
        if self.commit is None:
            return {"url": self.name_of(path)}
        return {
            "data_set": self.address.data_set,
            "revision": self.address.revision,
            "commit": self.commit,
            "path": path,
        }

    def _open_options(self, info: dict[str, Any]) -> dict[str, Any]:
        """The size of a file on the hub is known; its client would list the folder for it."""
        known = {"size": info["size"]} if self.address.scheme == HUB else {}
        return {"cache_type": "none", **known}

    def _fetch_whole(self, path: str, to: Path) -> tuple[Path, bool]:
        """Bring a whole file to this machine: where it is, and whether it had to be fetched.

        Files of the hub are stored in the hub's own cache, others at ``to``.
        """
        if self.commit is not None:
            return _fetch_from_hub(self.address.data_set, path, self.commit)
        if to.is_file():
            return to, False
        to.parent.mkdir(parents=True, exist_ok=True)
        part = to.with_name(f"{to.name}.part")
        self.file_system.get_file(self.path_of(path), str(part))
        part.replace(to)
        return to, True


def storage_of(address: RemoteAddress) -> Storage:
    """The storage of an address; on the hub at the commit that its revision is now, which stays so in this process.

    Raises:
        SourceError: there is none, no such revision, or the hub does not answer.
        UsageError: the network is forbidden.
    """
    root = RemoteAddress(address.scheme, address.root, address.revision, "")
    require_network(str(address))
    if address.scheme != HUB:
        from fsspec import filesystem

        return Storage(root, None, filesystem(address.scheme, skip_instance_cache=True))
    configure_client()
    from huggingface_hub import HfFileSystem, constants

    with as_source_errors(str(root)):
        file_system = HfFileSystem(token=hub_token(), endpoint=constants.ENDPOINT, skip_instance_cache=True)
    commit = address.revision if _COMMIT.fullmatch(address.revision or "") else pinned_commit(root)
    return Storage(root, commit, file_system)


@lru_cache
def pinned_commit(root: RemoteAddress) -> str:
    """The commit that a data set's revision is now: the first answer counts for the whole process.

    Raises:
        SourceError: the hub does not answer, or has no such data set.
    """
    from huggingface_hub import HfApi

    with as_source_errors(str(root)):
        api = HfApi(token=hub_token())
        for attempt in attempts():
            with attempt:
                found = api.dataset_info(root.data_set, revision=root.revision, timeout=ANSWERS_WITHIN_S).sha
    if found is None:
        raise SourceError(f"the hub does not say which commit {root.revision or 'the main branch'} of {root} is")
    return found


def _oid(info: dict[str, Any]) -> str | None:
    """SHA-256 of a large file on the hub, git's name of a small one; the ETag elsewhere."""
    if lfs := info.get("lfs"):
        return str(lfs["sha256"])
    oid = info.get("blob_id") or info.get("ETag") or info.get("etag")
    return str(oid).strip('"') if oid else None


def _fetch_from_hub(data_set: str, path: str, commit: str) -> tuple[Path, bool]:
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    cached = isinstance(try_to_load_from_cache(data_set, path, revision=commit, repo_type="dataset"), str)
    found = hf_hub_download(data_set, path, repo_type="dataset", revision=commit, token=hub_token())
    return Path(found), not cached
