"""Computes the memory that a Qwen-VL model needs, and how many segments fit into a batch, before anything runs.

Weights and the KV cache are exact. The memory of the layers' intermediate results is estimated from their widths; the
estimate was not measured on a GPU. If it is too low, the batch is halved (``models.annotators.qwen.annotator``).
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from models.errors import ModelUnavailableError
from models.weights.weights import weight_files

Quantization: TypeAlias = Literal["none", "4bit"]

GPU_NUMBER_BYTES: Final[dict[Quantization, float]] = {"none": 2.0, "4bit": 0.7}
"""Bytes of a weight on a GPU; with 4 bits an average: 4.5 bits for most weights, 16 for the embeddings."""
PATCHES_PER_TOKEN: Final = 4
"""A visual token is 2 x 2 patches, in Qwen2-VL (arXiv:2409.12191) and its successors."""
FRAMES_PER_TOKEN: Final = 2
_WIDTHS_HELD: Final = 8
"""Vectors of a layer's width held at once: residual, norm, queries, keys, values, attention, output and its cast."""
_MLP_WIDTHS_HELD: Final = 3
"""Vectors of the MLP's width held at once: gate, up and their product."""
_HEADER_BYTES_MAX: Final = 100_000_000
"""The safetensors format's limit for its header."""


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """One segment's part in a batch."""

    prompt_tokens: int
    """Tokens of the text and the frames."""
    visual_tokens: int
    new_tokens_max: int


@dataclass(frozen=True, slots=True)
class Footprint:
    """Memory for each token of a model, in bytes."""

    kv_token: int
    """For a token in the KV cache."""
    text_token: int
    """For a token in a layer of the language model."""
    visual_token: int
    """For a visual token in a layer of the vision tower."""

    def batch_bytes(self, rows: Sequence[TokenCounts]) -> int:
        """Peak memory of a batch: its KV cache with all rows full, and one layer's intermediate results."""
        prompt = max(row.prompt_tokens for row in rows)
        new = max(row.new_tokens_max for row in rows)
        cache = len(rows) * (prompt + new) * self.kv_token
        text = len(rows) * prompt * self.text_token
        vision = sum(row.visual_tokens for row in rows) * self.visual_token
        return cache + max(text, vision)

    def batch_for(self, budget_bytes: int, rows: Sequence[TokenCounts]) -> int:
        """The number of leading ``rows`` that fit into ``budget_bytes`` together; at least 1, which is always tried."""
        fitting = (count for count in range(len(rows), 1, -1) if self.batch_bytes(rows[:count]) <= budget_bytes)
        return next(fitting, 1)


def footprint(config: Mapping[str, Any], number_bytes: int) -> Footprint:
    """Memory for each token of a model with this ``config.json`` and numbers of ``number_bytes``.

    Raises:
        ModelUnavailableError: the configuration lacks a size.
    """
    text, vision = config.get("text_config", config), config.get("vision_config", {})
    try:
        text_held = _WIDTHS_HELD * text["hidden_size"] + _MLP_WIDTHS_HELD * text["intermediate_size"]
        vision_held = _WIDTHS_HELD * vision["hidden_size"] + _MLP_WIDTHS_HELD * vision["intermediate_size"]
        kv_token = kv_bytes_per_token(text, number_bytes)
    except (KeyError, TypeError) as error:
        raise ModelUnavailableError(f"config.json has no {error}: it does not belong to a Qwen-VL model") from error
    return Footprint(kv_token, text_held * number_bytes, PATCHES_PER_TOKEN * vision_held * number_bytes)


def kv_bytes_per_token(text: Mapping[str, Any], number_bytes: int) -> int:
    """Keys and values of one token: 2 x layers x KV heads x head width x bytes; 57,344 for a 7B Qwen2.5-VL.

    Raises:
        KeyError: a size is missing.
    """
    heads = text["num_attention_heads"]
    head_dim = text.get("head_dim") or text["hidden_size"] // heads
    kv_heads = text.get("num_key_value_heads") or heads
    return int(2 * text["num_hidden_layers"] * kv_heads * head_dim * number_bytes)


def visual_tokens(frames: int, width_px: int, height_px: int, side_px: int) -> int:
    """Visual tokens: one for each square of ``side_px`` in every two frames; 144 for two of 448x252 at 28."""
    return math.ceil(frames / FRAMES_PER_TOKEN) * (width_px // side_px) * (height_px // side_px)


def own_context_tokens(config: Mapping[str, Any], folder: Path) -> int:
    """The number of tokens that the model with this ``config.json`` was made for.

    Raises:
        ModelUnavailableError: the configuration does not have it.
    """
    text = config.get("text_config", config)
    own = text.get("max_position_embeddings") if isinstance(text, dict) else None
    if not isinstance(own, int):
        raise ModelUnavailableError(f"{folder / 'config.json'} has no max_position_embeddings, the model's context")
    return own


def weights_bytes(folder: Path, number_bytes: float) -> int:
    """Memory of the weights in ``folder`` when each number takes ``number_bytes``, from the files' headers.

    Raises:
        ModelUnavailableError: a file is missing, or is not a safetensors file.
    """
    return math.ceil(number_bytes * sum(map(_numbers, weight_files(folder))))


def _numbers(path: Path) -> int:
    """Count the numbers in a safetensors file, whose header is a length of 8 bytes and JSON of that length."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length) if length <= _HEADER_BYTES_MAX else b"")
        return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
    except (OSError, ValueError, AttributeError, TypeError, KeyError) as error:
        raise ModelUnavailableError(f"{path} is not a complete safetensors file: its header cannot be read") from error
