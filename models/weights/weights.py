"""Finds a model's weights, checks that they are complete, and identifies them.

Only safetensors are ever opened: a pickled checkpoint can run code.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Final

from models.errors import ModelUnavailableError
from models.weights.digest import has_digest, remembered_sha256
from models.weights.fetch import Report, fetch, unreported

FILES: Final = ("*.json", "*.jinja", "merges.txt", "README.md", "*.safetensors")
"""The files that are fetched of a hub repository, at its first level: configuration, tokenizer, card and weights."""
_NESTED: Final = "*/*"
_SINGLE: Final = "model.safetensors"
_INDEX: Final = "model.safetensors.index.json"
_SHA256: Final = re.compile("[0-9a-f]{64}")
_PICKLED: Final = ("*.bin", "*.pt", "*.pth", "*.ckpt")


def locate(
    name_or_path: str | Path, *, revision: str | None = None, allow_download: bool, report: Report = unreported
) -> Path:
    """Find a model's folder: a folder as it is, else the hub's cache, else, when allowed, the hub.

    Args:
        name_or_path: a local folder, or a hub name such as ``facebook/vjepa2-vitl-fpc64-256``, which may end in
            ``@`` and a revision.
        revision: branch, tag or commit on the hub; None for the one in the name, or else the main branch.
        allow_download: whether the network may be used; ``HF_HUB_OFFLINE=1`` forbids it in any case.
        report: called with the progress of a download.

    Raises:
        ModelUnavailableError: the model cannot be found, or is incomplete.
        OSError: the disk is full.
    """
    folder = Path(name_or_path).expanduser()
    if folder.is_dir():
        weight_files(folder)
        return folder
    name, named_revision = split_revision(str(name_or_path))
    revision = revision or named_revision
    try:
        return cached(name, revision)
    except ModelUnavailableError:
        if not allow_download:
            raise
    return fetched(name, revision, report)


def split_revision(name: str) -> tuple[str, str | None]:
    """The hub's name and the revision of ``name@revision``; None where it names none."""
    name, _, revision = name.partition("@")
    return name, revision or None


def cached(name: str, revision: str | None = None) -> Path:
    """A model's folder in the hub's cache; no network is used.

    Raises:
        ModelUnavailableError: it is not there, or not whole.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        found = snapshot_download(
            name, revision=revision, local_files_only=True, allow_patterns=list(FILES), ignore_patterns=_NESTED
        )
        weight_files(folder := Path(found))
    except HFValidationError as error:
        raise ModelUnavailableError(f"the model {name!r} is neither a folder nor a name on the hub") from error
    except (LocalEntryNotFoundError, ModelUnavailableError) as error:
        raise ModelUnavailableError(_how_to_fetch(name, revision)) from error
    return folder


def fetched(name: str, revision: str | None = None, report: Report = unreported) -> Path:
    """A model's folder in the hub's cache, brought there from the hub.

    Raises:
        ModelUnavailableError: the hub does not give it, or it is not a complete model in safetensors.
        OSError: the disk is full.
    """
    folder = fetch(name, revision, patterns=FILES, report=report)
    weight_files(folder)
    return folder


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The safetensors files that make up the model in ``folder``, in the order of their names.

    Raises:
        ModelUnavailableError: there are none, or one that the index names is missing.
    """
    if not (folder / "config.json").is_file():
        raise ModelUnavailableError(f"the model folder {folder} has no config.json: it is not a model, or half-written")
    if (folder / _SINGLE).is_file():
        return (folder / _SINGLE,)
    if (folder / _INDEX).is_file():
        return _shards(folder)
    if any(path for pattern in _PICKLED for path in folder.glob(pattern)):
        raise ModelUnavailableError(f"the model folder {folder} holds only pickled weights, expected {_SINGLE}")
    raise ModelUnavailableError(f"the model folder {folder} is incomplete: {_SINGLE} is missing")


def weights_sha256(folder: Path) -> str:
    """SHA-256 of the weights, hexadecimal.

    Of one file it is the file's own, as the hub shows it; of several, that of the lines ``<sha256>  <name>`` of all of
    them, as ``sha256sum`` prints them.

    Raises:
        ModelUnavailableError: the folder is not a whole model.
    """
    files = weight_files(folder)
    if len(files) == 1:
        return _file_sha256(files[0])
    listing = "".join(f"{_file_sha256(path)}  {path.name}\n" for path in files)
    return hashlib.sha256(listing.encode()).hexdigest()


def identity(folder: Path) -> tuple[str, str]:
    """Name and revision of the model in ``folder``: the hub's for a cached one, else the folder's name and "local"."""
    storage = folder.parent.parent.name
    if folder.parent.name == "snapshots" and storage.startswith("models--"):
        return storage.removeprefix("models--").replace("--", "/"), folder.name
    return folder.resolve().name, "local"


def read_json(path: Path) -> dict[str, object]:
    """A JSON object from a file of a model folder.

    Raises:
        ModelUnavailableError: the file cannot be read, is not JSON or not an object.
    """
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelUnavailableError(f"{path} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise ModelUnavailableError(f"{path} holds a JSON {type(value).__name__}, expected an object")
    return value


def _shards(folder: Path) -> tuple[Path, ...]:
    mapping = read_json(folder / _INDEX).get("weight_map")
    if not isinstance(mapping, dict) or not mapping:
        raise ModelUnavailableError(f"{folder / _INDEX} has no weight_map: it is damaged or half-written")
    files = tuple(folder / name for name in sorted(set(map(str, mapping.values()))))
    missing = [path.name for path in files if not path.is_file()]
    if missing:
        raise ModelUnavailableError(f"the model folder {folder} is incomplete: {', '.join(missing)} is missing")
    return files


def _file_sha256(path: Path) -> str:
    """SHA-256 of a file, which is read once; a large one in the hub's cache is named by it.

    Raises:
        ModelUnavailableError: a file in the hub's cache is damaged.
    """
    blob = path.resolve()
    if path.is_symlink() and blob.parent.name == "blobs" and _SHA256.fullmatch(blob.name):
        if not has_digest(blob, blob.name):
            raise ModelUnavailableError(
                f"{path} is damaged, its SHA-256 is not {blob.name}: remove it, and fetch it with "
                "`egoclean-stream models fetch`"
            )
        return blob.name
    return remembered_sha256(path)


def _how_to_fetch(name: str, revision: str | None) -> str:
    wanted = f"{name}@{revision}" if revision else name
    return (
        f"the model {wanted!r} is neither a folder nor whole in the hub's cache: fetch it with "
        "`egoclean-stream models fetch` and the model's options of this call, or give the folder that holds it"
    )
