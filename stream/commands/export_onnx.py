"""``egoclean-stream models export-onnx``: the encoder in a form for ONNX Runtime and TensorRT."""

from pathlib import Path
from typing import Literal, get_args

import click

from stream.errors import UsageError

Precision = Literal["fp32", "fp16"]
_FILE = click.Path(path_type=Path)


@click.command("export-onnx")
@click.option("--encoder-model", metavar="NAME_OR_PATH", help="Weights, as for run.  [default: those of a run]")
@click.option("--out", type=_FILE, required=True, help="FILE.onnx to write; FILE.onnx.data and FILE.json beside it.")
@click.option("--dtype", type=click.Choice(get_args(Precision)), default="fp32", show_default=True)
@click.option("--frames", type=int, default=64, show_default=True, help="Frames of a window.")
def export_onnx(encoder_model: str | None, out: Path, dtype: Precision, frames: int) -> None:
    """Export V-JEPA 2's encoder.

    The graph takes bytes, for any number of windows, and gives embeddings. Run it with `--encoder-runtime onnx
    --encoder-onnx FILE.onnx`. Nothing is fetched.
    """
    from models.encoders.onnx import export
    from models.encoders.table import AUTO, weights_of
    from models.weights.weights import locate

    precision: Literal["float32", "float16"] = "float32" if dtype == "fp32" else "float16"
    try:
        folder = locate(weights_of(AUTO, encoder_model) or AUTO, allow_download=False)
        facts = export.export_onnx(folder, out, frames=frames, precision=precision)
    except ValueError as error:
        raise UsageError(str(error)) from error
    click.echo(f"{out}: {facts.model}, {facts.dtype}, windows of {facts.frames} frames of {facts.encoder_px} px")
