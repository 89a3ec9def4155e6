"""Staged cases on disk, outside the repository: one NPZ a case."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from stream.detection.embedding_files import load_embeddings
from stream.pipeline.items import Float32
from tests.tools.detector_cases.cases import Insertion, Split, StagedCase

WINDOW_S = 64 / 30
"""Length of a window."""

PUBLISHED_EVENTS_S = ((208, 262), (420, 433))
"""The manual ground truth that EgoClean (calicartels/EgoClean on GitHub) published for its first clip."""


def write_case(folder: Path, split: Split, case: StagedCase, units: Float32) -> None:
    """Store the windows (N, K) of a case beside what happens in it."""
    path = path_of(folder, split, case)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, units=units, case=np.array(json.dumps(asdict(case))))


def path_of(folder: Path, split: Split, case: StagedCase) -> Path:
    """Where a case is stored."""
    return folder / split / f"{case.name.replace(' ', '_')}.npz"


def read_cases(folder: Path, split: Split, families: tuple[str, ...] = ()) -> Iterator[tuple[StagedCase, Float32]]:
    """The stored cases of a split with their windows, in order of their names: all, or those whose names begin so."""
    for path in sorted((folder / split).glob("*.npz")):
        with np.load(path, allow_pickle=False) as arrays:
            if families and not path.stem.replace("_", " ").startswith(families):
                continue
            values = json.loads(str(arrays["case"]))
            values["insertions"] = tuple(Insertion(**each) for each in values["insertions"])
            yield StagedCase(**values), arrays["units"]


def read_published(path: Path) -> list[tuple[StagedCase, Float32]]:
    """The published clip with its true events, whose windows are one second apart."""
    embeddings, times_s = load_embeddings(path, None)
    events = tuple(Insertion(start_s, end_s, 0) for start_s, end_s in PUBLISHED_EVENTS_S)
    case = StagedCase("published", "published", 0, len(times_s) + 1, events)
    return [(case, np.asarray(embeddings, np.float32))]
