"""Does the annotator's memory grow with the number of segments?

    python -m tests.tools.annotator_memory --segments 2000

A small random Qwen-VL describes segment after segment in batches; after each batch the memory of the process is read.
The measure is the mean of the last quarter of the readings against that of the first.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import fmean

import click
import psutil

from models.annotators.annotator import AnnotationAnswer, Annotator
from models.annotators.qwen.annotator import QwenAnnotator
from tests.support.noise_segments import noise_segments
from tests.support.random_qwen import FAMILIES, Family, save_tiny_qwen

FRAMES = (3, 5, 8, 12)
"""Lengths of the segments in turn: batches of one shape only would not show what piles up between shapes."""


def resident_bytes(annotator: Annotator, segments: int) -> list[int]:
    """The process's resident memory after each batch.

    Raises:
        RuntimeError: not every segment was answered.
    """
    process, readings, answered = psutil.Process(), [], 0
    for turn, first in enumerate(range(0, segments, annotator.batch_max)):
        batch = noise_segments(min(annotator.batch_max, segments - first), frames=FRAMES[turn % len(FRAMES)])
        answered += sum(isinstance(outcome, AnnotationAnswer) for outcome in annotator.annotate(batch))
        readings.append(process.memory_info().rss)
    if answered != segments:
        raise RuntimeError(f"{answered} of {segments} segments were answered")
    return readings


def growth(readings: list[int]) -> float:
    """Mean of the last quarter of the readings over that of the first."""
    quarter = max(1, len(readings) // 4)
    return fmean(readings[-quarter:]) / fmean(readings[:quarter])


@click.command()
@click.option("--segments", default=2000, show_default=True)
@click.option("--family", type=click.Choice(FAMILIES), default=FAMILIES[0], show_default=True)
def main(segments: int, family: Family) -> None:
    """Describe segment after segment, and print how the memory of the process goes."""
    import torch

    torch.set_num_threads(1)  # the fastest for so small a model
    with tempfile.TemporaryDirectory() as folder:
        annotator = QwenAnnotator(save_tiny_qwen(Path(folder), family))
        list(annotator.annotate(noise_segments(1)))
        readings = resident_bytes(annotator, segments)
    mib = [reading / 2**20 for reading in readings]
    click.echo(
        f"{segments} segments in {len(mib)} batches: {mib[0]:.0f} MiB after the first, {mib[-1]:.0f} after the last"
    )
    click.echo(f"last quarter / first quarter: {growth(readings):.3f}")


if __name__ == "__main__":
    main()
