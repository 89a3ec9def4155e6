"""``run.json``: where every number of a run comes from."""

import hashlib
import importlib.metadata
import json
import os
import platform
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from stream.records.store.atomic import replace_file
from stream.records.store.corruption import reading

_PACKAGES = (
    "egoclean-stream", "av", "opencv-python-headless", "numpy", "pyzmq", "msgpack", "pydantic",
    "torch", "transformers", "huggingface_hub", "llguidance", "onnxruntime", "onnxruntime-gpu", "openai",
)  # fmt: skip


class Source(BaseModel):
    """The clip."""

    name: str
    size_bytes: int | None
    """None of a live source."""
    sha256: str | None = None
    """Of the clip's own bytes, also inside a tar; None until the run is complete, and where it would cost fetching."""
    edges_sha256: str | None = None
    """Of its first and last MiB, known from the beginning; None of a live source, and of a clip on the hub."""
    mtime_ns: int | None = None
    """When its file was changed last; None if it does not lie on disk."""
    origin: dict[str, Any] | None = None
    """Of a clip on the hub: data set, revision and its commit, path, oid (of large files their SHA-256) and size of the
    file, the member and its offset. These name its bytes for ever."""
    fetched_bytes: int | None = None
    """What came over the network for it in the last attempt; None for a clip on disk."""
    stream: dict[str, Any] = {}
    """Codec, size, rate and the like, as the container says them."""
    sidecar: dict[str, Any] | None = None
    """Where the clip's ``.json`` disagrees with that; None without one. Nothing in it is believed."""


class AnnotatedLater(BaseModel):
    """Segments were described after the run had finished."""

    time: str
    annotator: dict[str, Any]
    """As in the run's own."""


class Manifest(BaseModel):
    """Provenance of a run: written first, completed last. It holds no secrets."""

    model_config = ConfigDict(extra="forbid")

    v: Literal[1] = 1
    run_id: str
    state: Literal["running", "finished", "failed"]
    started: str
    ended: str | None = None
    exit_code: int | None = None
    source: Source
    intrinsics: dict[str, Any] | None
    """As read from the file; None without rectification."""
    decoder: dict[str, Any] = {}
    """What decoded the clip, and why that."""
    rectification: dict[str, Any] = {}
    """K, D and new K in pixels, the map's hash, the valid fraction, the colour conversion."""
    options: dict[str, Any]
    """Every option of the run, also those that decide nothing of what is recorded."""
    schemas: dict[str, str] = {}
    """SHA-256 of the JSON Schema files that the records follow."""
    windows: dict[str, Any] = {}
    """How frames were picked for the windows: the sampling, the source's own rate, how many had to stand twice, and how
    far one was from its time at most; of the last attempt, where a run was resumed."""
    encoder: dict[str, Any] = {}
    annotator: dict[str, Any] = {}
    """Model, revision, hashes of prompt and schema; empty where nobody annotates."""
    annotated_later: list[AnnotatedLater] = []
    packages: dict[str, str] = {}
    machine: dict[str, Any] = {}
    usage: dict[str, Any] = {}
    """Time and dollars of all attempts; of each process CPU seconds and memory; how long segments took to be known."""

    def write(self, path: Path) -> None:
        """Replace the file, durably."""
        replace_file(path, (self.model_dump_json(indent=1, ensure_ascii=True) + "\n").encode())


def read_manifest(path: Path) -> Manifest:
    """The manifest of a run, growing or finished.

    Raises:
        DamagedError: the file holds something else.
    """
    with reading(path):
        return Manifest.model_validate_json(path.read_bytes())


def packages() -> dict[str, str]:
    """Versions of what is installed of the packages that decide results."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # an extra that is not installed
    return {"python": platform.python_version(), **found}


def machine() -> dict[str, Any]:
    """What the run was made on; no host name, no user."""
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
