"""The worker who recorded a clip, as its sidecar or its path names it."""

import re
from collections.abc import Mapping
from typing import Any, Final

from stream.records.schema.manifest import Manifest

_WORKER: Final = re.compile(r"(worker)[_-]?(\d+)", re.IGNORECASE)
_FACTORY: Final = re.compile(r"(factory)[_-]?(\d+)", re.IGNORECASE)
"""Egocentric-10K and -100K name both in their paths: factory001/worker001/part000.tar."""


def worker_of(manifest: Manifest) -> str:
    """The worker of a run, such as ``factory001/worker001``; ``""`` if nothing names one."""
    factory, worker = worker_ids(manifest.source.name, manifest.source.sidecar)
    return "/".join(filter(None, (factory, worker))) if worker else ""


def worker_ids(path: str, sidecar: Mapping[str, Any] | None) -> tuple[str, str]:
    """The ids of factory and worker, such as ``factory001`` and ``worker001``; ``""`` where nothing names one.

    Args:
        path: The clip's name, with its folders or tar.
        sidecar: Its ``factory_id`` and ``worker_id`` count first.
    """
    ids = sidecar or {}
    factory, worker = (
        _id(str(ids.get(f"{name}_id") or ""), pattern) or _id_in(path, pattern)
        for name, pattern in (("factory", _FACTORY), ("worker", _WORKER))
    )
    return factory, worker


def _id(text: str, pattern: re.Pattern[str]) -> str:
    """An id as it is written in one way: ``worker001`` for ``worker_001``; others as they are."""
    match = pattern.fullmatch(text)
    return "".join(match.groups()).lower() if match else text


def _id_in(path: str, pattern: re.Pattern[str]) -> str:
    """The last id in a path; ``""`` if there is none."""
    found = ["".join(each) for each in pattern.findall(path)]
    return found[-1].lower() if found else ""
