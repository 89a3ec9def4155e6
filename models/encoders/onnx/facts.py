"""The JSON file beside an exported encoder: which model it is, and the digests of its files."""

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from models.encoders.vjepa2.cost import EncoderShape
from models.errors import ModelUnavailableError
from models.memory.vram import SLACK, Need
from models.weights.digest import remembered_sha256


class OnnxFacts(BaseModel):
    """The JSON file beside an ONNX file: ``encoder.json`` beside ``encoder.onnx``."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    v: Literal[2] = 2
    model: str
    revision: str
    weights_sha256: str
    """Digest of the exported checkpoint."""
    dtype: Literal["float32", "float16"]
    frames: int
    """T, frames in a window."""
    encoder_px: int
    dims: int
    shape: EncoderShape
    """Determines what a window costs."""
    opset: int
    torch: str
    """Version of torch that exported it."""
    transformers: str
    files_sha256: dict[str, str]
    """Digests of the graph and of the weights beside it, by file name."""

    @property
    def sha256(self) -> str:
        """One digest of all files, whatever their names."""
        return hashlib.sha256("".join(sorted(self.files_sha256.values())).encode()).hexdigest()


def facts_path(file: Path) -> Path:
    """Path of the facts of an ONNX file."""
    return file.with_suffix(".json")


def read_facts(file: Path) -> OnnxFacts:
    """Read the facts of an exported encoder.

    Raises:
        ModelUnavailableError: they cannot be read, or are not valid.
    """
    path = facts_path(file)
    try:
        return OnnxFacts.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelUnavailableError(
            f"{path}, which describes {file.name}, cannot be read ({error.strerror}): "
            "export both with `egoclean-stream models export-onnx`"
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ModelUnavailableError(
            f"{path} does not describe an exported encoder: {'.'.join(map(str, first['loc']))}, {first['msg'].lower()}"
            "; export the model again with `egoclean-stream models export-onnx`"
        ) from error


def onnx_need(facts: OnnxFacts) -> Need:
    """GPU memory that an exported encoder takes in ONNX Runtime, where attention is not fused.

    The batch is one window: TensorRT builds another engine for every other batch size.
    """
    number_bytes = 2 if facts.dtype == "float16" else 4
    activations = facts.shape.activation_bytes(facts.frames, number_bytes, fused=False)
    return Need(number_bytes * facts.shape.parameters, round(SLACK * activations), 1)


def check_fits(file: Path, facts: OnnxFacts, frames: int, weights_sha256: str | None = None) -> None:
    """Refuse an encoder that was exported for other windows or from other weights.

    Raises:
        ModelUnavailableError: it was.
    """
    if facts.frames != frames:
        raise ModelUnavailableError(
            f"{file} takes windows of {facts.frames} frames, not of {frames}: export it with --frames {frames}"
        )
    if weights_sha256 not in (None, facts.weights_sha256):
        raise ModelUnavailableError(
            f"{file} was exported from other weights ({facts.weights_sha256[:12]}) than those of --encoder-model "
            f"({weights_sha256[:12]}): export it again, or omit --encoder-model"
        )


def check_files(file: Path, facts: OnnxFacts) -> None:
    """Check that the graph and its weights are the exported files.

    Raises:
        ModelUnavailableError: a file is missing or was changed.
    """
    if file.name not in facts.files_sha256:
        raise ModelUnavailableError(
            f"{facts_path(file)} does not describe {file.name}, but {', '.join(facts.files_sha256)}"
        )
    for name, sha256 in facts.files_sha256.items():
        if _sha256(file.parent / name) != sha256:
            raise ModelUnavailableError(f"{file.parent / name} is damaged or incomplete: its SHA-256 does not match")


def digests(files: list[Path]) -> dict[str, str]:
    """SHA-256 of files, by file name."""
    return {path.name: _sha256(path) for path in files}


def _sha256(path: Path) -> str:
    try:
        return remembered_sha256(path)
    except OSError as error:
        raise ModelUnavailableError(f"{path} cannot be read: {error.strerror}") from error
