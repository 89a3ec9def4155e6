"""What lies beside an exported encoder: of which model it is, and whether it is whole."""

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from models.encoders.vjepa2.cost import EncoderShape
from models.errors import ModelUnavailableError
from models.memory.vram import SLACK, Need


class OnnxFacts(BaseModel):
    """The JSON file beside an ONNX file: ``encoder.json`` beside ``encoder.onnx``."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    v: Literal[2] = 2
    model: str
    revision: str
    weights_sha256: str
    """Of the checkpoint that was exported."""
    dtype: Literal["float32", "float16"]
    frames: int
    """T of the windows that it takes."""
    encoder_px: int
    dims: int
    shape: EncoderShape
    """What it costs follows from it."""
    opset: int
    torch: str
    """Version that exported it."""
    transformers: str
    files_sha256: dict[str, str]
    """By name: the graph, and the weights beside it."""


def facts_path(file: Path) -> Path:
    """Where the facts of an ONNX file lie."""
    return file.with_suffix(".json")


def read_facts(file: Path) -> OnnxFacts:
    """The facts of an exported encoder.

    Raises:
        ModelUnavailableError: they cannot be read, or are none.
    """
    path = facts_path(file)
    try:
        return OnnxFacts.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelUnavailableError(
            f"{path}, which says what {file.name} is, cannot be read ({error.strerror}): "
            "export both with `egoclean-stream models export-onnx`"
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ModelUnavailableError(
            f"{path} does not describe an exported encoder: {'.'.join(map(str, first['loc']))}, {first['msg'].lower()}"
            "; export it anew with `egoclean-stream models export-onnx`"
        ) from error


def onnx_need(facts: OnnxFacts) -> Need:
    """GPU memory that an exported encoder takes in ONNX Runtime, where attention is written out.

    One window at a time: for a batch of another size TensorRT would build another engine.
    """
    number_bytes = 2 if facts.dtype == "float16" else 4
    activations = facts.shape.activation_bytes(facts.frames, number_bytes, fused=False)
    return Need(number_bytes * facts.shape.parameters, round(SLACK * activations), 1)


def check_fits(file: Path, facts: OnnxFacts, frames: int, weights_sha256: str | None = None) -> None:
    """Refuse an exported encoder of other windows, or of other weights.

    Raises:
        ModelUnavailableError: it does not fit.
    """
    if facts.frames != frames:
        raise ModelUnavailableError(
            f"{file} takes windows of {facts.frames} frames, not of {frames}: export it with --frames {frames}"
        )
    if weights_sha256 not in (None, facts.weights_sha256):
        raise ModelUnavailableError(
            f"{file} was exported from other weights ({facts.weights_sha256[:12]}) than those of --encoder-model "
            f"({weights_sha256[:12]}): export it anew, or leave --encoder-model out"
        )


def check_files(file: Path, facts: OnnxFacts) -> None:
    """Make sure that the graph and its weights are those that were exported.

    Raises:
        ModelUnavailableError: one is missing, or has been changed.
    """
    if file.name not in facts.files_sha256:
        raise ModelUnavailableError(f"{facts_path(file)} is not about {file.name}, but {', '.join(facts.files_sha256)}")
    for name, sha256 in facts.files_sha256.items():
        if _sha256(file.parent / name) != sha256:
            raise ModelUnavailableError(f"{file.parent / name} is damaged or half-copied: its digest is another")


def digests(files: list[Path]) -> dict[str, str]:
    """SHA-256 of files, by name."""
    return {path.name: _sha256(path) for path in files}


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelUnavailableError(f"{path} cannot be read: {error.strerror}") from error
