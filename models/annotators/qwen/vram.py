"""GPU memory that a Qwen-VL model needs, for the VRAM plan."""

import math
from pathlib import Path
from typing import Final

from models.annotators.annotator import AnnotationRequest, RequestFrame
from models.annotators.qwen.annotator import BATCH_MAX, PIXELS_MAX, STAMP_TOKENS
from models.annotators.qwen.memory import (
    FRAMES_PER_TOKEN,
    GPU_NUMBER_BYTES,
    Quantization,
    TokenCounts,
    footprint,
    weights_bytes,
)
from models.annotators.response.schema import answer_schema, longest_json_bytes
from models.memory.vram import SLACK, Need
from models.weights.weights import read_json

_HALF_BYTES: Final = 2
_FRAME_PX: Final = (854, 480)
_TOKEN_PX: Final = 28
"""Side of the square that is one visual token, in Qwen2.5-VL."""
_WORDS_TOKENS: Final = 1024
"""Upper bound for the prompt's text, which is 2.2 KB of English."""


def qwen_need(folder: Path, frames_max: int, batch_max: int | None, quantization: Quantization = "none") -> Need:
    """GPU memory that the Qwen-VL in ``folder`` needs, with float16 except for quantised weights.

    Segments are planned with ``frames_max`` of the largest frames.

    Raises:
        ModelUnavailableError: its ``config.json`` or its weights cannot be read.
    """
    frame = RequestFrame(0.0, b"")
    segment = AnnotationRequest("", "0" * 64, 60.0, (frame,), *_FRAME_PX)
    visual = math.ceil(frames_max / FRAMES_PER_TOKEN) * PIXELS_MAX // _TOKEN_PX**2
    longest = longest_json_bytes(answer_schema(segment, _FRAME_PX)) + 1
    counts = TokenCounts(visual + _WORDS_TOKENS + frames_max * STAMP_TOKENS, visual, longest)
    tokens = footprint(read_json(folder / "config.json"), _HALF_BYTES)
    return Need(
        weights_bytes(folder, GPU_NUMBER_BYTES[quantization]),
        round(SLACK * tokens.batch_bytes([counts])),
        min(batch_max or BATCH_MAX, BATCH_MAX),
        cache_bytes=(counts.prompt_tokens + counts.new_tokens_max) * tokens.kv_token,
    )
