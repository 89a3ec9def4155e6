"""``egoclean-stream detect``: the detector alone, on embeddings from anywhere."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from stream.commands.detector_options import detector_options
from stream.detection.anomalies import Anomaly, find_causally, find_offline
from stream.detection.embedding_files import load_embeddings
from stream.detection.options import DetectorOptions


@click.command()
@click.argument("embeddings", type=click.Path(path_type=Path))
@click.option("--ts", type=click.Path(path_type=Path), help="Start of each window in seconds, (N,) in an NPY file.")
@click.option("--mode", type=click.Choice(["causal", "offline"]), default="causal", show_default=True)
@detector_options
def detect(embeddings: Path, ts: Path | None, mode: str, detector: DetectorOptions) -> None:
    """Print the anomalous stretches of EMBEDDINGS.

    What is printed is a JSON array. EMBEDDINGS is an NPY file, or an NPZ with `embeddings` and perhaps
    `timestamps_s`: (N, D), or (N, T, D), which is flattened. Without timestamps the windows are 1 s apart. `causal`
    sees one window after the other, and finds nothing in the warm-up; `offline` is the published method, which sees
    the whole clip and always finds something.
    """
    windows, times_s = load_embeddings(embeddings, ts)
    find = find_causally if mode == "causal" else find_offline
    anomalies = find(windows, times_s, detector)
    if mode == "causal" and times_s[-1] - times_s[0] < detector.warmup_s:
        click.echo(f"note: nothing can be found in less than the warm-up of {detector.warmup_s:g} s", err=True)
    click.echo(json.dumps([_record(anomaly) for anomaly in anomalies], indent=1))


def _record(anomaly: Anomaly) -> dict[str, str | float]:
    """The JSON object of one anomaly, without what is not known."""
    return {name: value for name, value in asdict(anomaly).items() if value is not None}
