"""``egoclean-stream detect``: the detector alone, on embeddings from anywhere."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from stream.commands.command import command
from stream.commands.option import own_option
from stream.commands.options import Chosen, run_options
from stream.commands.values import Choice, PathName
from stream.detection.anomalies import Anomaly, find_causally, find_offline
from stream.detection.embedding_files import load_embeddings
from stream.errors import ExitCode
from stream.ui.standard_streams import echo

_EXAMPLES = (
    ("Find anomalies in embeddings of another encoder", "detect embeddings.npy --ts starts.npy"),
    ("The published, offline method", "detect embeddings.npz --mode offline"),
)
_CODES = (
    ExitCode.DONE, ExitCode.USAGE, ExitCode.INPUT, ExitCode.NO_ROOM, ExitCode.INTERNAL, ExitCode.SIGPIPE,
)  # fmt: skip


@command(examples=_EXAMPLES, exit_codes=_CODES)
@click.argument("embeddings", type=PathName())
@own_option("--ts", type=PathName(), help="NPY file with the start of each window in seconds, (N,).")
@own_option("--mode", type=Choice(["causal", "offline"]), default="causal", show_default=True, help="Method.")
@run_options("detector")
def detect(chosen: Chosen, embeddings: Path, ts: Path | None, mode: str) -> None:
    """Print the anomalous stretches of EMBEDDINGS as a JSON array.

    EMBEDDINGS is an NPY file, or an NPZ file with `embeddings` and optionally `timestamps_s`. Its shape is (N, D), or
    (N, T, D), which is flattened. Without timestamps, windows are taken to be 1 s apart. `causal` sees one window
    after the other and finds nothing during the warm-up; `offline` is the published method, which sees the whole clip
    and always finds something.
    """
    detector = chosen.options("-").detector
    windows, times_s = load_embeddings(embeddings, ts)
    find = find_causally if mode == "causal" else find_offline
    anomalies = find(windows, times_s, detector)
    if mode == "causal" and times_s[-1] - times_s[0] < detector.warmup_s:
        echo(f"note: nothing can be found in less than the warm-up of {detector.warmup_s:g} s", err=True)
    click.echo(json.dumps([_record(anomaly) for anomaly in anomalies], indent=1))


def _record(anomaly: Anomaly) -> dict[str, str | float]:
    """The JSON object of one anomaly, without what is not known."""
    return {name: value for name, value in asdict(anomaly).items() if value is not None}
