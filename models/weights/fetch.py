"""Models from the hub into the hub's cache: by the hub's own client, each file checked against the hub's digest.

The name of a model decides on its commit: default models are named with theirs. The commit of a revision is noted in
the cache, and every run records it.
"""

import errno
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

from models.errors import ModelUnavailableError
from models.weights.digest import has_digest
from models.weights.hub_client import ANSWERS_WITHIN_S, attempts, http_library
from models.weights.hub_errors import cannot_use_cache, explain
from models.weights.token import hub_token

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a download."""

    done_bytes: int
    total_bytes: int


Report: TypeAlias = Callable[[Progress], None]
"""Called with every piece that arrives."""


def unreported(_: Progress) -> None:
    """Ignore the progress."""


def fetch(name: str, revision: str | None = None, *, patterns: Sequence[str], report: Report = unreported) -> Path:
    """Bring those files of a model's first level that match ``patterns`` into the hub's cache.

    A file that does not match the hub's digest is fetched once more, then refused. Files that an interrupted call
    completed are not fetched again.

    Args:
        name: ``owner/name`` on the hub.
        revision: Branch, tag or commit; None for the main branch.
        patterns: As for a shell.
        report: Called with the progress.

    Returns:
        The snapshot's folder.

    Raises:
        ModelUnavailableError: the hub refuses, cannot be reached or must not be contacted; a file is damaged; or the
            hub's cache cannot be written.
        OSError: the disk is full.
    """
    from huggingface_hub.constants import is_offline_mode
    from huggingface_hub.errors import EntryNotFoundError, FileMetadataError, HFValidationError, LocalEntryNotFoundError

    if is_offline_mode():
        raise ModelUnavailableError(f"the model {name!r} cannot be fetched: HF_HUB_OFFLINE forbids the network")
    unreachable = http_library().HTTPError, ConnectionError
    refusals = *unreachable, EntryNotFoundError, FileMetadataError, LocalEntryNotFoundError
    try:
        return _Fetch(name, report).run(revision or "main", patterns)
    except HFValidationError as error:
        raise ModelUnavailableError(f"{name!r} is neither a folder nor a name on the hub") from error
    except (*refusals, ValueError) as error:
        raise ModelUnavailableError(explain(error, name)) from error
    except OSError as error:
        if error.errno in _FULL:
            raise
        raise ModelUnavailableError(f"the model {name!r} cannot be fetched: {cannot_use_cache(error)}") from error


class _Fetch:
    """One model on its way into the cache."""

    def __init__(self, name: str, report: Report) -> None:
        from huggingface_hub import constants
        from huggingface_hub.file_download import repo_folder_name

        self._name = name
        self._report = report
        self._token = hub_token()
        self._storage = Path(constants.HF_HUB_CACHE).expanduser() / repo_folder_name(repo_id=name, repo_type="model")
        self._done_bytes = self._total_bytes = 0

    def run(self, revision: str, patterns: Sequence[str]) -> Path:
        commit, files = self._describe(revision, patterns)
        snapshot = self._storage / "snapshots" / commit
        missing = [file for file in files if not _is_here(file, snapshot / file.rfilename)]
        self._total_bytes = sum(file.size or 0 for file in files)
        self._done_bytes = self._total_bytes - sum(file.size or 0 for file in missing)
        self._require_room(sum(file.size or 0 for file in missing))
        for file in missing:
            self._fetch_file(file, commit)
        self._done_bytes = self._total_bytes
        self._received(0)
        self._note(revision, commit)
        return snapshot

    def _describe(self, revision: str, patterns: Sequence[str]) -> "tuple[str, list[RepoSibling]]":
        """The commit that a revision is now, and its files: small ones first, so that the configuration comes early."""
        from huggingface_hub import HfApi

        for attempt in attempts():
            with attempt:
                info = HfApi(token=self._token).model_info(
                    self._name, revision=revision, files_metadata=True, timeout=ANSWERS_WITHIN_S
                )
        if info.sha is None:
            raise ModelUnavailableError(f"the hub does not say which commit {revision!r} of {self._name!r} is")
        files = [file for file in info.siblings or () if "/" not in file.rfilename]
        wanted = [file for file in files if any(fnmatchcase(file.rfilename, pattern) for pattern in patterns)]
        return info.sha, sorted(wanted, key=lambda file: file.size or 0)

    def _require_room(self, needed_bytes: int) -> None:
        self._storage.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self._storage).free < needed_bytes:
            raise OSError(errno.ENOSPC, f"{needed_bytes} bytes are to come", str(self._storage))

    def _fetch_file(self, file: "RepoSibling", commit: str) -> None:
        """Fetch a file and check it; a damaged one is removed, and fetched once more."""
        digest = _digest_of(file)
        before_bytes = self._done_bytes
        for force in (False, True):
            self._done_bytes = before_bytes
            path = self._download(file.rfilename, commit, force=force)
            if has_digest(path, digest):
                return
            path.resolve().unlink()
            path.unlink(missing_ok=True)
        raise ModelUnavailableError(
            f"{file.rfilename} of {self._name!r} was damaged twice on its way, its digest is not {digest}: it was "
            "removed, fetch it again"
        )

    def _download(self, file_name: str, commit: str, *, force: bool) -> Path:
        from huggingface_hub import constants, hf_hub_download

        for attempt in attempts(connected=True):
            with attempt:
                found = hf_hub_download(
                    self._name,
                    file_name,
                    revision=commit,
                    token=self._token,
                    endpoint=constants.ENDPOINT,
                    cache_dir=constants.HF_HUB_CACHE,
                    force_download=force,
                    tqdm_class=_progress_bar(self._received),
                )
        return Path(found)

    def _received(self, piece_bytes: int) -> None:
        self._done_bytes = min(self._total_bytes, self._done_bytes + piece_bytes)
        self._report(Progress(self._done_bytes, self._total_bytes))

    def _note(self, revision: str, commit: str) -> None:
        """Record the commit of a branch or a tag, as the client does."""
        if revision == commit:
            return
        ref = self._storage / "refs" / revision
        ref.parent.mkdir(parents=True, exist_ok=True)
        written = ref.with_name(f"{ref.name}.tmp")
        written.write_text(commit)
        written.replace(ref)


def _progress_bar(received: Callable[[int], None]) -> Any:  # noqa: ANN401  (the client asks for a class like tqdm's)
    """Serves the client as a progress bar; calls ``received`` with the bytes of every piece."""

    class ProgressBar:
        def __init__(self, *_: object, **__: object) -> None:
            self.n = 0

        def update(self, piece_bytes: float | None = 1) -> None:
            received(int(piece_bytes or 0))

        def close(self) -> None:
            """Nothing is shown, so nothing is left to close."""

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            self.close()

    return ProgressBar


def _digest_of(file: "RepoSibling") -> str:
    """SHA-256 of a large file, git's name of a small one."""
    digest = file.lfs.sha256 if file.lfs else file.blob_id
    if digest is None:
        raise ModelUnavailableError(f"the hub gives no digest of {file.rfilename}: it cannot be checked")
    return digest


def _is_here(file: "RepoSibling", path: Path) -> bool:
    return path.is_file() and path.stat().st_size == file.size and has_digest(path, _digest_of(file))
