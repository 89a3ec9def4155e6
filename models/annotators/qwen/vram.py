"""GPU memory that a Qwen-VL model needs, for the VRAM plan."""

import math
from pathlib import Path
from typing import Final, get_args

from models.annotators.annotator import PRECEDING_FRAMES_MAX, AnnotationRequest, AnswerForm, RequestFrame
from models.annotators.context import CONTEXT_TOKENS, Context
from models.annotators.qwen.annotator import BATCH_MAX, PIXELS_MAX, STAMP_TOKENS
from models.annotators.qwen.memory import (
    FRAMES_PER_TOKEN,
    GPU_NUMBER_BYTES,
    Quantization,
    TokenCounts,
    footprint,
    own_context_tokens,
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
"""Upper bound for the prompt's text, which is 3.2 KB of English."""


def qwen_context(folder: Path, tokens_max: int | None) -> Context:
    """The context of the Qwen-VL in ``folder``, and what a frame of the largest size costs in it.

    ``tokens_max`` replaces the usual bound; neither may exceed what the model was made for.

    Raises:
        ModelUnavailableError: its ``config.json`` cannot be read, or has no length.
    """
    own = own_context_tokens(read_json(folder / "config.json"), folder)
    frame = math.ceil(PIXELS_MAX / _TOKEN_PX**2 / FRAMES_PER_TOKEN) + STAMP_TOKENS
    return Context(min(own, tokens_max or CONTEXT_TOKENS), frame, _WORDS_TOKENS)


def qwen_need(
    folder: Path,
    frames_max: int,
    batch_max: int | None,
    quantization: Quantization = "none",
    actions_max: int | None = None,
) -> Need:
    """GPU memory that the Qwen-VL in ``folder`` needs, with float16 except for quantised weights.

    Segments are planned with ``frames_max`` of the largest frames and all preceding ones, and answers with
    ``actions_max`` actions.

    Raises:
        ModelUnavailableError: its ``config.json`` or its weights cannot be read.
    """
    frame = RequestFrame(0.0, b"")
    segment = AnnotationRequest("", "0" * 64, 60.0, (frame,), *_FRAME_PX, actions_max=actions_max)
    pairs = math.ceil(frames_max / FRAMES_PER_TOKEN) + PRECEDING_FRAMES_MAX
    visual = pairs * PIXELS_MAX // _TOKEN_PX**2
    forms = get_args(AnswerForm)
    longest = max(longest_json_bytes(answer_schema(segment, _FRAME_PX, form)) for form in forms) + 1
    counts = TokenCounts(visual + _WORDS_TOKENS + frames_max * STAMP_TOKENS, visual, longest)
    tokens = footprint(read_json(folder / "config.json"), _HALF_BYTES)
    return Need(
        weights_bytes(folder, GPU_NUMBER_BYTES[quantization]),
        round(SLACK * tokens.batch_bytes([counts])),
        min(batch_max or BATCH_MAX, BATCH_MAX),
        cache_bytes=(counts.prompt_tokens + counts.new_tokens_max) * tokens.kv_token,
    )
