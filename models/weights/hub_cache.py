"""The models in the hub's cache on this machine."""

from dataclasses import dataclass
from pathlib import Path

from models.errors import ModelUnavailableError
from models.weights.hub_errors import cannot_use_cache
from models.weights.weights import weight_files


@dataclass(frozen=True, slots=True)
class CachedModel:
    """One commit of a model."""

    name: str
    commit: str
    revisions: tuple[str, ...]
    """Branches and tags that stood for the commit when they were fetched."""
    size_bytes: int
    fault: str | None
    """Why it cannot be loaded; None if it is whole."""


def cached_models() -> tuple[CachedModel, ...]:
    """All models in the hub's cache, by name; no network is used.

    Raises:
        ModelUnavailableError: it cannot be read.
    """
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repos = scan_cache_dir(constants.HF_HUB_CACHE).repos
    except CacheNotFound:
        return ()
    except OSError as error:
        raise ModelUnavailableError(cannot_use_cache(error)) from error
    found = [
        CachedModel(repo.repo_id, at.commit_hash, tuple(sorted(at.refs)), at.size_on_disk, _fault_of(at.snapshot_path))
        for repo in repos
        if repo.repo_type == "model"
        for at in repo.revisions
    ]
    return tuple(sorted(found, key=lambda model: (model.name, model.commit)))


def _fault_of(folder: Path) -> str | None:
    try:
        weight_files(folder)
    except ModelUnavailableError as error:
        return str(error)
    return None
