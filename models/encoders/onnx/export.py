"""Exports V-JEPA 2's encoder to ONNX, for TensorRT or for machines without PyTorch."""

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from models.encoders.encoder import FRAMES, check_frame_count
from models.encoders.onnx.facts import OnnxFacts, digests, facts_path
from models.encoders.vjepa2.cost import encoder_shape
from models.encoders.vjepa2.encoder import PACKAGES, load_graph
from models.packages import require_packages
from models.weights.weights import identity, weights_sha256

if TYPE_CHECKING:
    import torch

OPSET: Final = 20
"""Attention is written out in this opset; TensorRT support for opset 23's attention operator is still new."""


def export_onnx(
    folder: Path, out: Path, *, frames: int = FRAMES, precision: Literal["float32", "float16"] = "float32"
) -> OnnxFacts:
    """Write the model in ``folder`` to ``out``, its weights to ``<out>.data``, and its facts beside them.

    The graph maps bytes to embeddings, for any number of windows: input ``frames`` (windows, frames, encoder_px,
    encoder_px, 3) uint8, outputs ``mean`` (windows, D) and ``temporal`` (windows, frames/2, D) float32. Files appear
    only when complete, the facts last.

    Raises:
        ValueError: ``frames`` is odd or not positive, or ``out`` does not end in ``.onnx``.
        ModelUnavailableError: a package is missing, or the folder does not hold a complete V-JEPA 2.
        MemoryError: the model does not fit into memory.
        OSError: ``out`` cannot be written.
    """
    if out.suffix != ".onnx":
        raise ValueError(f"{out} does not end in .onnx")
    check_frame_count(frames)
    require_packages((*PACKAGES, "onnx", "onnxscript"), extra="onnx")

    import torch
    import transformers

    graph = load_graph(folder, frames, precision, torch.device("cpu"))
    model, revision = identity(folder)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.stem}-") as name:
        temporary = Path(name) / out.name
        _export(graph, temporary, torch.zeros(2, frames, graph.encoder_px, graph.encoder_px, 3, dtype=torch.uint8))
        files = sorted(temporary.parent.iterdir())
        facts = OnnxFacts(
            model=model,
            revision=revision,
            weights_sha256=weights_sha256(folder),
            dtype=precision,
            frames=frames,
            encoder_px=graph.encoder_px,
            dims=graph.dims,
            shape=encoder_shape(folder),
            opset=OPSET,
            torch=torch.__version__,
            transformers=transformers.__version__,
            files_sha256=digests(files),
        )
        for path in files:
            path.replace(out.parent / path.name)
    facts_path(out).write_text(facts.model_dump_json(indent=1) + "\n")
    return facts


def _export(graph: "torch.nn.Module", out: Path, frames: "torch.Tensor") -> None:
    import torch

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's exporter calls APIs that PyTorch deprecates
        torch.onnx.export(
            graph,
            (frames,),
            out,
            dynamo=True,
            opset_version=OPSET,
            input_names=["frames"],
            output_names=["mean", "temporal"],
            dynamic_shapes={"frames": {0: torch.export.Dim("windows")}},
            external_data=True,  # one protobuf file holds 2 GB at most
            verbose=False,
        )
