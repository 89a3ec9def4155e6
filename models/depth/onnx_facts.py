"""The JSON file beside a depth model in ONNX: what it takes, what its outputs mean, and where it comes from."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.errors import ModelUnavailableError

Meaning = Literal["metres", "canonical", "relative_inverse", "points"]


class DepthOnnxFacts(BaseModel):
    """The JSON file beside an ONNX file: ``moge.json`` beside ``moge.onnx``.

    The graph takes one batch of RGB pictures, (N, 3, h, w) float32, ``(value / 255 - mean) / std``. A graph of fixed
    size gets pictures of that size; another one pictures with ``longest_px`` as their longer side and sides that are
    multiples of ``multiple_px``.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    v: Literal[1] = 1
    model: str
    revision: str | None = None
    licence: str | None = None
    """SPDX identifier."""
    image_input: str = "image"
    longest_px: Annotated[int, Field(ge=14, le=4096)] = 518
    multiple_px: Annotated[int, Field(ge=1, le=64)] = 14
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = (1, 1, 1)
    constants: dict[str, int] = {}
    """Further inputs, int64 scalars: MoGe's ``num_tokens``."""
    depth_output: str = "depth"
    """Output of (N, h, w) or (N, 1, h, w) depth, or of (N, h, w, 3) points."""
    meaning: Meaning
    """``metres``; ``canonical``: times the focal length in the network's picture, over ``canonical_focal_px``, it is
    metres (Depth Anything 3 metric); ``relative_inverse``: larger is nearer, of unknown scale (MiDaS, Depth Anything);
    ``points``: (x, y, z) without the shift of z (MoGe)."""
    canonical_focal_px: Annotated[float, Field(gt=0)] | None = None
    mask_output: str | None = None
    """Output of (N, h, w), over 0.5 where depth is valid."""
    confidence_output: str | None = None
    """Output of (N, h, w) from 0 to 1."""
    scale_output: str | None = None
    """Output of (N,): metres in a unit of the depth."""

    @model_validator(mode="after")
    def _canonical_has_a_focal_length(self) -> Self:
        if (self.meaning == "canonical") != (self.canonical_focal_px is not None):
            raise ValueError("canonical_focal_px belongs to the meaning 'canonical', and to no other")
        return self


def read_depth_facts(file: Path) -> DepthOnnxFacts:
    """Read the facts of a depth model.

    Raises:
        ModelUnavailableError: they cannot be read, or are not valid.
    """
    path = file.with_suffix(".json")
    try:
        return DepthOnnxFacts.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelUnavailableError(
            f"{path}, which says what {file.name} takes and returns, cannot be read ({error.strerror}): write it as "
            "docs/view_alignment_depth_and_fill.md describes"
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ModelUnavailableError(
            f"{path} does not describe a depth model: {'.'.join(map(str, first['loc'])) or 'as a whole'}, "
            f"{first['msg'].lower()}"
        ) from error
