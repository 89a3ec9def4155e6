"""Pushes a data set to the Hugging Face Hub: what is there already is not sent again, metadata comes last."""

import hashlib
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from exporters.dataset.store import STATE
from models.packages import require_packages
from models.weights.hub_client import attempts
from models.weights.hub_errors import explain
from models.weights.token import hub_token
from stream.errors import ModelUnavailableError, PushError, UsageError

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

T = TypeVar("T")

_ADDRESS: Final = re.compile(r"hf://datasets/([\w.-]+/[\w.-]+)/?")
_SIGNATURE: Final = re.compile(r"\?[^\s'\"]+")
"""What follows the path of an address: of a storage, it lets whoever knows it write there."""
_METADATA: Final = frozenset({".csv", ".json", ".jsonl", ".md", ".parquet", ".xml"})
"""Endings of files that name others, or that change when the data set grows: they are committed last, together."""
_OWN: Final = frozenset({".gitattributes", "README.md"})
"""Files that the hub may have made itself."""
_BATCH_FILES: Final = 250
_BATCH_BYTES: Final = 2 * 1024**3
"""Largest commit: what a push that is cut has to send again at most."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did."""

    files: int
    """Sent."""
    there: int
    """On the hub already, with the same content."""
    url: str


class Push:
    """A push to one data set on the hub."""

    def __init__(self, address: str, *, public: bool) -> None:
        """Check what can be checked before the export.

        Args:
            address: ``hf://datasets/OWNER/NAME``.
            public: Whether a data set that is not there yet is created for everyone.

        Raises:
            UsageError: the address is another one.
            ModelUnavailableError: the hub's client is not installed, or there is no token.
        """
        match = _ADDRESS.fullmatch(address)
        if match is None:
            raise UsageError(f"--push {address}: must be hf://datasets/OWNER/NAME")
        require_packages(("huggingface_hub",), extra="hub")
        self.name = match[1]
        self._public = public
        self._token = hub_token()
        if self._token is None:
            raise ModelUnavailableError(f"--push {address} needs a token that may write: set HF_TOKEN")

    def send(self, folder: Path, tag: str, progress: Callable[[float, float], None]) -> Pushed:
        """Bring the data set on the hub up to date with a folder.

        Args:
            folder: The data set; its state is not sent.
            tag: Set on the last commit; none if empty.
            progress: Called with the bytes that are sent, and with how many there are.

        Raises:
            PushError: the hub cannot be reached, or refuses; the same call goes on.
            UsageError: the data set on the hub holds something else.
        """
        import httpx2
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError
        from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]  # exported lazily

        disable_progress_bars()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the client's, on the card's metadata
                return self._send(HfApi(token=self._token), folder, tag, progress)
        except (HfHubHTTPError, httpx2.TransportError, LookupError, OSError, RuntimeError, ValueError) as error:
            if isinstance(error, OSError) and error.filename is not None and not isinstance(error, HfHubHTTPError):
                raise  # of a file on this machine
            raise PushError(f"{_explained(error, self.name)}; the same command goes on") from error

    def _send(self, api: "HfApi", folder: Path, tag: str, progress: Callable[[float, float], None]) -> Pushed:
        from huggingface_hub import CommitOperationAdd

        _repeated(
            lambda: api.create_repo(self.name, repo_type="dataset", private=not self._public, exist_ok=True),
            connected=False,
        )
        paths = _paths(folder)
        there = _repeated(lambda: _files_on_hub(api, self.name))
        self._require_own(there, paths)
        new = [path for path in paths if not _is_same(folder / path, there.get(path))]
        sizes = {path: (folder / path).stat().st_size for path in new}
        sent, total = 0, sum(sizes.values())
        progress(sent, total)
        for batch in _batches(new, sizes):
            adds = [CommitOperationAdd(path, str(folder / path)) for path in batch]
            message = f"Add {len(batch)} files of an export by egoclean-stream"
            _repeated(partial(api.create_commit, self.name, adds, repo_type="dataset", commit_message=message))
            sent += sum(sizes[path] for path in batch)
            progress(sent, total)
        if tag:
            _repeated(lambda: _move_tag(api, self.name, tag))
        return Pushed(len(new), len(paths) - len(new), f"{api.endpoint}/datasets/{self.name}")

    def _require_own(self, there: "dict[str, RepoFile]", paths: Sequence[str]) -> None:
        others = sorted(there.keys() - set(paths) - _OWN)
        if others:
            raise UsageError(
                f"--push hf://datasets/{self.name} holds {others[0]}, which is not of this export: name a new data set"
            )


def _explained(error: Exception, name: str) -> str:
    """One sentence on a failure of the client: of a request, of an upload by either protocol, or of the card.

    What the client says is shown only where it knows nothing better, without the signature of an address.
    """
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    cause = error.__cause__ if type(error) is RuntimeError and isinstance(error.__cause__, Exception) else error
    if isinstance(cause, HfHubHTTPError | HFValidationError | httpx2.TransportError):
        return explain(cause, name, "dataset", "pushed")
    reason = " ".join(_SIGNATURE.sub("", str(cause)).split()) or type(cause).__name__
    return f"the data set {name!r} cannot be pushed: {reason}"


def _repeated(request: Callable[[], T], *, connected: bool = True) -> T:
    """The answer to a request, which is repeated while its failure is a passing one."""
    for attempt in attempts(connected=connected):
        with attempt:
            return request()
    raise AssertionError  # pragma: no cover - the last attempt raises


def _paths(folder: Path) -> list[str]:
    """The files of a data set, clips first and the metadata last."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    own = [path for path in files if path.parts[0] != STATE and path.suffix != ".part"]
    return [path.as_posix() for path in sorted(own, key=lambda path: (_is_metadata(path.name), path.as_posix()))]


def _is_metadata(path: str) -> bool:
    return Path(path).suffix in _METADATA


def _batches(paths: Sequence[str], sizes: dict[str, int]) -> Iterator[list[str]]:
    """Paths in commits of bounded size; all metadata is one: readers see it change at once."""
    batch: list[str] = []
    for path in (path for path in paths if not _is_metadata(path)):
        if batch and (len(batch) == _BATCH_FILES or sum(sizes[each] for each in batch) + sizes[path] > _BATCH_BYTES):
            yield batch
            batch = []
        batch.append(path)
    if batch:
        yield batch
    if metadata := [path for path in paths if _is_metadata(path)]:
        yield metadata


def _files_on_hub(api: "HfApi", name: str) -> "dict[str, RepoFile]":
    from huggingface_hub.hf_api import RepoFile

    found = api.list_repo_tree(name, recursive=True, repo_type="dataset")
    return {each.path: each for each in found if isinstance(each, RepoFile)}


def _is_same(path: Path, there: "RepoFile | None") -> bool:
    """Whether the hub has the content of a file: it knows large files by SHA-256, and others as git does."""
    if there is None or there.size != path.stat().st_size:
        return False
    with path.open("rb") as file:
        if there.lfs is not None:
            return hashlib.file_digest(file, "sha256").hexdigest() == there.lfs.sha256
        digest = hashlib.sha1(b"blob %d\0" % there.size, usedforsecurity=False)
        digest.update(file.read())
        return digest.hexdigest() == there.blob_id


def _move_tag(api: "HfApi", name: str, tag: str) -> None:
    """Set a tag on the last commit: a reader that asks for the tag would else see the data set as it was before."""
    refs = api.list_repo_refs(name, repo_type="dataset")
    head = next(ref.target_commit for ref in refs.branches if ref.name == "main")
    before = next((ref.target_commit for ref in refs.tags if ref.name == tag), None)
    if before == head:
        return
    if before is not None:
        api.delete_tag(name, tag=tag, repo_type="dataset")
    api.create_tag(name, tag=tag, repo_type="dataset")
