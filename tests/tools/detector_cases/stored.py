"""Staged cases on disk, outside the repository: one NPZ a case."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from stream.pipeline.items import Float32
from tests.tools.detector_cases.cases import Insertion, Split, StagedCase

WINDOW_S = 64 / 30
"""Length of a window."""


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
