"""The arrays of a clip's windows, without a run."""

from pathlib import Path

import numpy as np

from stream.records.schema.layout import RunLayout


def bare_folder(folder: Path, count: int = 6, *, stem: str = "clip", tokens: int = 2, dims: int = 4) -> RunLayout:
    """The three arrays of a clip, random."""
    generator = np.random.default_rng(0)
    layout = RunLayout(folder, stem)
    np.save(layout.embeddings, generator.standard_normal((count, dims)).astype(np.float32))
    np.save(layout.temporal, generator.standard_normal((count, tokens, dims)).astype(np.float16))
    np.save(layout.timestamps, np.arange(count, dtype=np.float64))
    return layout
