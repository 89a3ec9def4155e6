"""The chain beside the usual way, on the same clip, with the same weights, in the same call."""

from pathlib import Path
from typing import Any

import numpy as np

from models.encoders.table import AUTO
from stream.bench.baseline import run_baseline
from stream.bench.measure import measure
from stream.config import Options
from stream.errors import UsageError
from stream.pipeline.items import Float32
from stream.records.schema.layout import RunLayout
from stream.run.prepare import prepare
from stream.sources.table import open_clip

Row = dict[str, Any]


def compare(options: Options, folder: Path) -> Row:
    """Measure both; ``folder`` is for what the baseline leaves.

    Raises:
        UsageError: the clip is too short for a window, or the encoder is none that transformers knows.
        EgocleanError: as a run.
    """
    prepared = prepare(options)
    settled = prepared.options
    if settled.encoder.model is None:
        raise UsageError(f"bench compare needs an encoder with weights: expected {AUTO}")
    measured = measure(prepared)
    if not measured["chain"]["windows"]:
        raise UsageError(f"{options.source} is too short for a window of the encoder: name a longer clip")
    theirs = folder / "baseline.npy"
    baseline = run_baseline(settled, theirs)
    stem = open_clip(settled.source).stem
    ours = RunLayout(settled.output.folder / stem, stem).embeddings
    return {
        **measured,
        "baseline": baseline,
        "ratio": _ratio(measured, baseline),
        "cosine_min": _cosine_min(np.load(ours), np.load(theirs)),
    }


def _ratio(measured: Row, baseline: Row) -> Row:
    """How many times the chain is faster, and how many times less CPU time it takes; starting up left aside in both."""
    chain, stages = measured["chain"], measured["stages"]
    cpu_s = sum(stage["cpu_ms_per_frame"] for stage in stages.values()) * chain["frames"] / 1000
    return {
        "baseline_to_chain": round(baseline["flowing_s"] / chain["flowing_s"], 2),
        "baseline_cpu_to_chain_cpu": round((baseline["cpu_s"] - baseline["starting_cpu_s"]) / cpu_s, 2),
    }


def _cosine_min(ours: Float32, theirs: Float32) -> float | None:
    """The least cosine between the two embeddings of a window; None where not one window is common."""
    count = min(len(ours), len(theirs))
    if count == 0:
        return None
    left, right = ours[:count], theirs[:count]
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return round(float(((left * right).sum(axis=1) / norms).min()), 5)
