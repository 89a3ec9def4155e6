"""``run.json``: the provenance of a run."""

import hashlib
import importlib.metadata
import json
import os
import platform
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from stream.errors import UsageError
from stream.records.store.atomic import replace_file
from stream.records.store.versions import parsed

_PACKAGES = (
    "egoclean-stream", "av", "opencv-python-headless", "numpy", "pyzmq", "msgpack", "pydantic",
    "torch", "transformers", "huggingface_hub", "llguidance", "onnxruntime", "onnxruntime-gpu", "openai",
)  # fmt: skip


class SourceRecord(BaseModel):
    """The clip."""

    name: str
    size_bytes: int | None
    """None for a live source."""
    sha256: str | None = None
    """Of the clip's own bytes, also inside a tar; None until the run is complete, and for remote clips."""
    edges_sha256: str | None = None
    """Of its first and last MiB, known from the beginning; None for live sources and clips on the hub."""
    mtime_ns: int | None = None
    """Modification time of its file; None if it is not on disk."""
    origin: dict[str, Any] | None = None
    """For a clip on the hub: data set, revision and commit, path, oid (the SHA-256 of large files) and size of the
    file, member and its offset. Together they identify its bytes permanently."""
    fetched_bytes: int | None = None
    """Bytes downloaded for it in the last attempt; None for a clip on disk."""
    stream: dict[str, Any] = {}
    """Codec, size, rate and so on, as the container states them."""
    sidecar: dict[str, Any] | None = None
    """Where the clip's ``.json`` disagrees with that, whose values are used, and the factory and worker it names;
    None without one."""


class WarmStartRecord(BaseModel):
    """The earlier run whose normal work the detector began with."""

    run: str
    """Its run directory."""
    run_id: str
    clip: str
    windows: int
    """Windows of that run."""
    sha256: str
    """Of ``state/warm_start.state``, which holds what was taken over."""


class AnnotatedLater(BaseModel):
    """Segments were annotated after the run had finished."""

    time: str
    annotator: dict[str, Any]
    """The same fields as for the run itself."""
    annotation_name: str = ""
    """The annotation that they belong to; empty: the first one."""
    options: dict[str, Any] = {}
    """The annotator's options; empty in records of earlier versions."""


class Manifest(BaseModel):
    """Provenance of a run: written first, completed last. It holds no secrets."""

    model_config = ConfigDict(extra="forbid")

    v: Literal[1] = 1
    run_id: str
    state: Literal["running", "finished", "failed"]
    started: str
    ended: str | None = None
    exit_code: int | None = None
    source: SourceRecord
    intrinsics: dict[str, Any] | None
    """The values of the calibration file; None without rectification."""
    intrinsics_format: str | None = None
    """The format that the file was in, such as ``Kalibr camchain``; ``approximate preset NAME`` for a preset."""
    decoder: dict[str, Any] = {}
    """The decoder, and why it was chosen."""
    rectification: dict[str, Any] = {}
    """K, D and new K in pixels, the map's hash, the valid fraction, the colour conversion."""
    options: dict[str, Any]
    """Every option of the run, including those that do not affect the records."""
    warm_start: WarmStartRecord | None = None
    """None: the detector began without having learned anything."""
    no_warm_start: str = ""
    """Why it did, although a warm start was requested; empty otherwise."""
    schemas: dict[str, str] = {}
    """SHA-256 of the JSON Schema files that the records follow."""
    windows: dict[str, Any] = {}
    """How frames were sampled for the windows: the sampling, the source's rate, how many frames were repeated, and the
    largest distance of a frame from its nominal time; if the run was resumed, for the last attempt."""
    encoder: dict[str, Any] = {}
    annotator: dict[str, Any] = {}
    """Model, revision, hashes of prompt and schema; empty without an annotator."""
    annotated_later: list[AnnotatedLater] = []
    packages: dict[str, str] = {}
    machine: dict[str, Any] = {}
    usage: dict[str, Any] = {}
    """Time and dollars of all attempts, CPU seconds and memory of each process, and latencies."""

    def write(self, path: Path) -> None:
        """Replace the file durably."""
        replace_file(path, (self.model_dump_json(indent=1, ensure_ascii=True) + "\n").encode())


def read_manifest(path: Path) -> Manifest:
    """The manifest of a run, growing or finished.

    Raises:
        DamagedError: the file is not a manifest.
        NewerVersionError: a newer version wrote it.
        OSError: it is missing.
    """
    return parsed(path, path.read_bytes(), Manifest.model_validate_json)


def require_grouped_options(manifest: Manifest, root: Path, otherwise: str) -> None:
    """Refuse the run in ``root`` if an earlier version made it, whose options had no groups.

    Args:
        manifest: Of the run.
        root: Its run directory.
        otherwise: Ends the message with the alternatives to that version.

    Raises:
        UsageError: ``options`` has the annotator's name where this version has the group of its options.
    """
    if isinstance(manifest.options.get("annotator"), str):
        raise UsageError(
            f"{root} holds a run of an earlier version, whose options and saved states this version cannot read: "
            f"finish or annotate it with that version, {otherwise}"
        )


def packages() -> dict[str, str]:
    """Versions of the installed packages that affect the results."""
    return {"python": platform.python_version(), **_package_versions()}


@cache
def _package_versions() -> dict[str, str]:
    """Read once: it takes tens of milliseconds, and a series asks for every clip."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # an extra that is not installed
    return found


def machine() -> dict[str, Any]:
    """The machine of the run, without host or user name."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "arch": platform.machine(),
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    }


def digest_of(value: object) -> str:
    """SHA-256 of a value's canonical JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")
