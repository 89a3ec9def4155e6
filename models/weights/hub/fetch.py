"""A repository from the hub into the hub's cache: resumable, each file checked against the hub's own digest.

The hub's client begins a file anew when its process was ended, and does not check what it gets; weights are gigabytes.
So ``models.weights.hub.blob`` brings each file to where the client keeps it, ``blobs/<digest>``, and the client links
it into the snapshot. The cache's layout is the client's: https://huggingface.co/docs/huggingface_hub/guides/manage-cache.

Which commit is right is for whoever names the model to say: the models that a run takes by itself are named with
theirs. The commit that a revision stood for is noted in the cache, and every run records it.
"""

import errno
import fcntl
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from models.errors import ModelUnavailableError
from models.weights.hub.blob import Blob, fetch_blob
from models.weights.hub.refusals import cannot_use_cache, explain
from models.weights.hub.retry import Kind, attempts
from models.weights.hub.tree import ANSWERS_WITHIN_S, tree
from models.weights.token import hub_token

if TYPE_CHECKING:
    from huggingface_hub import RepoFile

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the fetching of a repository is."""

    done_bytes: int
    total_bytes: int
    wait_s: float = 0.0
    """Above 0: the hub asked for a pause of so long."""


Report: TypeAlias = Callable[[Progress], None]


def unreported(_: Progress) -> None:
    """Nobody wants to know."""


def fetch(
    name: str,
    revision: str | None = None,
    *,
    patterns: Sequence[str],
    kind: Kind = "model",
    report: Report = unreported,
) -> Path:
    """Bring those files of a repository's first level that match ``patterns`` into the hub's cache.

    Args:
        name: ``owner/name`` on the hub.
        revision: branch, tag or commit; None for the main branch.
        patterns: as for a shell.
        kind: of the repository.
        report: hears of every piece.

    Returns:
        The snapshot's folder.

    Raises:
        ModelUnavailableError: the hub does not give it, cannot be reached or must not be asked; or what came is not
            what the hub says it is; or the hub's cache cannot be written.
        OSError: the disk is full.
    """
    import httpx2
    from huggingface_hub.constants import is_offline_mode
    from huggingface_hub.errors import EntryNotFoundError, FileMetadataError, HFValidationError

    if is_offline_mode():
        raise ModelUnavailableError(f"the {kind} {name!r} cannot be fetched: HF_HUB_OFFLINE forbids the network")
    try:
        return _Fetch(name, kind, report).run(revision or "main", patterns)
    except HFValidationError as error:
        raise ModelUnavailableError(f"{name!r} is neither a folder nor a name on the hub") from error
    except (httpx2.HTTPError, ConnectionError, EntryNotFoundError, FileMetadataError, ValueError) as error:
        raise ModelUnavailableError(explain(error, name, kind)) from error
    except OSError as error:
        if error.errno in _FULL:
            raise
        raise ModelUnavailableError(f"the {kind} {name!r} cannot be fetched: {cannot_use_cache(error)}") from error


class _Fetch:
    """One repository on its way into the cache."""

    def __init__(self, name: str, kind: Kind, report: Report) -> None:
        from huggingface_hub import HfApi, constants, get_token
        from huggingface_hub.file_download import repo_folder_name

        self._name = name
        self._kind = kind
        self._report = report
        self._token = hub_token() or get_token()
        self._api = HfApi(token=self._token)
        self._storage = Path(constants.HF_HUB_CACHE).expanduser() / repo_folder_name(repo_id=name, repo_type=kind)
        self._done_bytes = self._total_bytes = 0

    def run(self, revision: str, patterns: Sequence[str]) -> Path:
        commit = self._commit(revision)
        snapshot = self._storage / "snapshots" / commit
        files = self._files(commit, patterns)
        missing = [file for file in files if not _is_file_of(file.size, snapshot / file.path)]
        self._total_bytes = sum(file.size for file in files)
        self._done_bytes = self._total_bytes - sum(file.size for file in missing)
        self._check_room(sum(file.size for file in missing))
        for file in missing:
            self._fetch_file(file, commit)
            self._done_bytes += file.size
        self._report(Progress(self._done_bytes, self._total_bytes))
        self._note(revision, commit)
        return snapshot

    def _commit(self, revision: str) -> str:
        """The commit that a revision stands for now."""
        for attempt in attempts(self._waiting, connected=False):
            with attempt:
                info = self._api.repo_info(
                    self._name, repo_type=self._kind, revision=revision, timeout=ANSWERS_WITHIN_S
                )
        if info.sha is None:
            raise ModelUnavailableError(f"the hub does not say which commit {revision!r} of {self._name!r} is")
        return info.sha

    def _files(self, commit: str, patterns: Sequence[str]) -> "list[RepoFile]":
        """Small ones first: what a model is, is known before its weights are here."""
        from huggingface_hub import RepoFile

        entries = tree(self._name, commit, kind=self._kind, waiting=self._waiting)
        files = [entry for entry in entries if isinstance(entry, RepoFile)]
        wanted = [file for file in files if any(fnmatchcase(file.path, pattern) for pattern in patterns)]
        return sorted(wanted, key=lambda file: file.size)

    def _check_room(self, needed_bytes: int) -> None:
        self._storage.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self._storage).free < needed_bytes:
            raise OSError(errno.ENOSPC, f"{needed_bytes} bytes are to come", str(self._storage))

    def _fetch_file(self, file: "RepoFile", commit: str) -> None:
        from huggingface_hub import constants, hf_hub_download, hf_hub_url

        url = hf_hub_url(self._name, file.path, repo_type=self._kind, revision=commit, endpoint=constants.ENDPOINT)
        blob = Blob(url, file.size, file.lfs.sha256 if file.lfs else file.blob_id)
        path = self._storage / "blobs" / blob.digest
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        with _locked(self._storage.parent / ".locks" / self._storage.name / f"{blob.digest}.fetch"):
            if not _is_file_of(file.size, path):
                fetch_blob(blob, path, headers, received=self._received, waiting=self._waiting)
        hf_hub_download(
            self._name, file.path, repo_type=self._kind, revision=commit, token=self._token, endpoint=constants.ENDPOINT
        )

    def _received(self, part_bytes: int) -> None:
        self._report(Progress(self._done_bytes + part_bytes, self._total_bytes))

    def _waiting(self, wait_s: float) -> None:
        self._report(Progress(self._done_bytes, self._total_bytes, wait_s))

    def _note(self, revision: str, commit: str) -> None:
        """Write down what a branch or a tag stands for, as the client does."""
        if revision == commit:
            return
        ref = self._storage / "refs" / revision
        ref.parent.mkdir(parents=True, exist_ok=True)
        written = ref.with_name(f"{ref.name}.tmp")
        written.write_text(commit)
        written.replace(ref)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Wait until no other process fetches the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_file_of(size_bytes: int, path: Path) -> bool:
    return path.is_file() and path.stat().st_size == size_bytes
