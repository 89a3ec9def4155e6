"""Compares the chain with the sequential baseline, on the same clip and with the same weights."""

from pathlib import Path

import numpy as np

from models.encoders.table import AUTO
from stream.bench.baseline import run_baseline
from stream.bench.figures import Figures
from stream.bench.measure import measure
from stream.config import Options
from stream.errors import UsageError
from stream.pipeline.items import Float32
from stream.records.schema.layout import RunLayout
from stream.run.prepare import prepare
from stream.sources.table import open_clip


def compare(options: Options, folder: Path) -> Figures:
    """Measure both; ``folder`` receives the output of the baseline.

    Raises:
        UsageError: the clip is too short for a window, or the encoder has no weights.
        EgocleanError: as a run.
    """
    prepared = prepare(options)
    options = prepared.options
    if options.encoder.model is None:
        raise UsageError(f"bench compare needs an encoder with weights: expected {AUTO}")
    measured = measure(prepared)
    if not measured["chain"]["windows"]:
        raise UsageError(f"{options.source} is too short for a window of the encoder: use a longer clip")
    baseline_path = folder / "baseline.npy"
    baseline = run_baseline(options, baseline_path)
    stem = open_clip(options.source).stem
    chain_path = RunLayout(options.output.folder / stem, stem).embeddings
    return {
        **measured,
        "baseline": baseline,
        "ratio": _ratio(measured, baseline),
        "cosine_min": _cosine_min(np.load(chain_path), np.load(baseline_path)),
    }


def _ratio(measured: Figures, baseline: Figures) -> Figures:
    """How many times faster the chain is, and how many times less CPU time it needs, both without start-up."""
    chain, stages = measured["chain"], measured["stages"]
    cpu_s = sum(stage["cpu_ms_per_frame"] for stage in stages.values()) * chain["frames"] / 1000
    return {
        "baseline_to_chain": round(baseline["flowing_s"] / chain["flowing_s"], 2),
        "baseline_cpu_to_chain_cpu": round((baseline["cpu_s"] - baseline["starting_cpu_s"]) / cpu_s, 2),
    }


def _cosine_min(chain: Float32, baseline: Float32) -> float | None:
    """The smallest cosine between the two embeddings of a window; None if there are no windows in common."""
    count = min(len(chain), len(baseline))
    if count == 0:
        return None
    left, right = chain[:count], baseline[:count]
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return round(float(((left * right).sum(axis=1) / norms).min()), 5)
