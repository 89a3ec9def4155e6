"""``egoclean-stream models export-onnx``: the encoder in a form for ONNX Runtime and TensorRT."""

from pathlib import Path
from typing import Literal, get_args

from stream.commands.command import command
from stream.commands.option import own_option
from stream.commands.options import Chosen, run_options
from stream.commands.values import Choice, PathName, Whole
from stream.errors import ExitCode, UsageError
from stream.ui.standard_streams import echo

OnnxPrecision = Literal["fp32", "fp16"]
_FILE = PathName()


_EXAMPLES = (
    ("Export the default encoder in half precision", "models export-onnx --out vjepa2.onnx --dtype fp16"),
    ("and run it", "run clip.mp4 --encoder-runtime onnx --encoder-onnx vjepa2.onnx"),
)
_CODES = (ExitCode.DONE, ExitCode.USAGE, ExitCode.MODEL_MISSING, ExitCode.NO_ROOM, ExitCode.INTERNAL)


@command("export-onnx", examples=_EXAMPLES, exit_codes=_CODES)
@run_options("encoder.model")
@own_option(
    "-o",
    "--out",
    type=_FILE,
    required=True,
    metavar="FILE.onnx",
    help="File to write, with FILE.onnx.data and FILE.json.",
)
@own_option("--dtype", type=Choice(get_args(OnnxPrecision)), default="fp32", show_default=True, help="Precision.")
@own_option("--frames", type=Whole(1, 256), default=64, show_default=True, help="Frames per window.")
def export_onnx(chosen: Chosen, out: Path, dtype: OnnxPrecision, frames: int) -> None:
    """Export V-JEPA 2's encoder to ONNX.

    The graph takes bytes, for any number of windows, and returns embeddings. Use it with `run --encoder-runtime onnx
    --encoder-onnx FILE.onnx`. Nothing is downloaded.
    """
    from models.encoders.onnx import export
    from models.encoders.table import AUTO, weights_of
    from models.weights.weights import locate

    precision: Literal["float32", "float16"] = "float32" if dtype == "fp32" else "float16"
    try:
        folder = locate(weights_of(AUTO, chosen.options("-").encoder.model) or AUTO, allow_download=False)
        facts = export.export_onnx(folder, out, frames=frames, precision=precision)
    except ValueError as error:
        raise UsageError(str(error)) from error
    echo(f"{out}: {facts.model}, {facts.dtype}, windows of {facts.frames} frames of {facts.encoder_px} px")
