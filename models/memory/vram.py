"""VRAM is a budget: shared out among the processes that use the GPU before any of them takes a byte.

Not run on a GPU yet: the constants below are chosen to be too large rather than too small, and where they are not
large enough, batches halve (``models.memory.adaptive_batch``).
"""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from models.annotators.annotator import AnnotationRequest, Frame
from models.annotators.qwen.annotator import BATCH_MAX, PIXELS_MAX, STAMP_TOKENS
from models.annotators.qwen.memory import (
    FRAMES_PER_TOKEN,
    GPU_NUMBER_BYTES,
    Quantization,
    Row,
    footprint,
    weights_bytes,
)
from models.annotators.response.schema import answer_schema, longest_json_bytes
from models.encoders.onnx.facts import OnnxFacts
from models.encoders.vjepa2.cost import encoder_shape
from models.weights.weights import read_json

GIB: Final = 1 << 30
MARGIN_BYTES: Final = GIB
"""Of a card, left alone where no budget is given: for its desktop, and what nobody thought of."""
CONTEXT_BYTES: Final = 3 * GIB // 4
"""Of each process: CUDA's context with torch's kernels, and cuBLAS's workspaces. torch's allocator knows of neither."""
DECODER_BYTES: Final = GIB // 2
"""NVDEC's surfaces, some 20 of 12 MiB for a picture of 4K, and the remap's maps and pictures. Not measured."""
SLACK: Final = 1.25
"""By how much activations are overestimated, for an allocator's fragments and a kernel's workspaces."""
_HALF_BYTES: Final = 2
_FRAME_PX: Final = (854, 480)
_TOKEN_PX: Final = 28
"""Side of the square that is one visual token, in Qwen2.5-VL."""
_WORDS_TOKENS: Final = 1024
"""Of the prompt's words, which are 2.2 KB of English."""
_ENCODER_BATCH_MAX: Final = 4
"""One window of ViT-L has 8192 tokens and fills a GPU by itself: more windows at a time bring little."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a process takes of the GPU's memory."""

    weights_bytes: int
    each_bytes: int
    """For each element of a batch: a window's activations, or a request's with its KV cache."""
    batch_max: int
    """More at a time brings nothing."""
    cache_bytes: int = 0
    """Of ``each_bytes``, the KV cache; the rest are activations."""

    @property
    def least_bytes(self) -> int:
        """With a batch of one."""
        return CONTEXT_BYTES + self.weights_bytes + self.each_bytes


@dataclass(frozen=True, slots=True)
class Share:
    """What a process is given."""

    need: Need
    batch: int
    """Elements at a time, for a start."""
    limit_bytes: int
    """The most that it may take, its context included."""

    @property
    def allocator_bytes(self) -> int:
        """Of it, what is left for an allocator, which knows nothing of the context."""
        return max(0, self.limit_bytes - CONTEXT_BYTES)


def encoder_need(folder: Path, frames: int) -> Need:
    """What the V-JEPA 2 encoder in ``folder`` takes in float16, for windows of ``frames`` frames.

    Raises:
        ModelUnavailableError: its ``config.json`` cannot be read.
    """
    shape = encoder_shape(folder)
    activations = round(SLACK * shape.activation_bytes(frames, _HALF_BYTES))
    return Need(_HALF_BYTES * shape.parameters, activations, _ENCODER_BATCH_MAX)


def onnx_need(facts: OnnxFacts) -> Need:
    """What an exported V-JEPA 2 takes in ONNX Runtime, where attention is written out.

    One window at a time: for a batch of another size TensorRT would build another engine.
    """
    number_bytes = 2 if facts.dtype == "float16" else 4
    activations = facts.shape.activation_bytes(facts.frames, number_bytes, fused=False)
    return Need(number_bytes * facts.shape.parameters, round(SLACK * activations), 1)


def decoder_need() -> Need:
    """What decoding by NVDEC and rectifying on the GPU take, beside the context."""
    return Need(0, DECODER_BYTES, 1)


def qwen_need(folder: Path, frames_max: int, batch_max: int | None, quantization: Quantization = "none") -> Need:
    """What the Qwen-VL in ``folder`` takes, in float16 but for quantised weights.

    Segments are planned with ``frames_max`` of the largest frames.

    Raises:
        ModelUnavailableError: its ``config.json`` or its weights cannot be read.
    """
    frame = Frame(0.0, b"")
    segment = AnnotationRequest("", "0" * 64, 60.0, (frame,), *_FRAME_PX)
    visual = math.ceil(frames_max / FRAMES_PER_TOKEN) * PIXELS_MAX // _TOKEN_PX**2
    longest = longest_json_bytes(answer_schema(segment, _FRAME_PX)) + 1
    row = Row(visual + _WORDS_TOKENS + frames_max * STAMP_TOKENS, visual, longest)
    tokens = footprint(read_json(folder / "config.json"), _HALF_BYTES)
    return Need(
        weights_bytes(folder, GPU_NUMBER_BYTES[quantization]),
        round(SLACK * tokens.batch_bytes([row])),
        min(batch_max or BATCH_MAX, BATCH_MAX),
        cache_bytes=(row.prompt_tokens + row.new_tokens_max) * tokens.kv_token,
    )


def share_out(budget_bytes: int, needs: Mapping[str, Need]) -> dict[str, Share]:
    """Give every process what it needs for one element, then one more to each in turn while the budget lasts.

    What is left over at the end raises their limits evenly.

    Raises:
        MemoryError: the budget does not suffice for a batch of one of each.
    """
    if not needs:
        return {}
    left = budget_bytes - sum(need.least_bytes for need in needs.values())
    if left < 0:
        raise MemoryError(_too_little(budget_bytes, needs))
    batches = dict.fromkeys(needs, 1)
    grown = True
    while grown:
        grown = False
        for name, need in needs.items():
            if batches[name] < need.batch_max and need.each_bytes <= left:
                batches[name] += 1
                left -= need.each_bytes
                grown = True
    spare = left // len(needs)
    return {
        name: Share(need, batches[name], need.least_bytes + (batches[name] - 1) * need.each_bytes + spare)
        for name, need in needs.items()
    }


def _too_little(budget_bytes: int, needs: Mapping[str, Need]) -> str:
    parts = ", ".join(f"{name} {need.least_bytes / GIB:.1f}" for name, need in needs.items())
    least_bytes = sum(need.least_bytes for need in needs.values())
    return (
        f"a VRAM budget of {budget_bytes / GIB:.1f} GiB is too small for these models, which take at least "
        f"{least_bytes / GIB:.1f} GiB ({parts}): free some of the card, raise --vram-budget-gib, or take smaller models"
    )


def limit_process(limit_bytes: int) -> None:
    """Keep this process's torch from taking more of the GPU; nothing where either is missing. Not run on a GPU yet.

    Beyond it torch raises ``OutOfMemoryError``, as if the card were full, and the other process does not feel it.
    """
    if find_spec("torch") is None:
        return
    import torch

    if not torch.cuda.is_available():
        return
    total_bytes = torch.cuda.get_device_properties(0).total_memory
    # The context is taken in any case, and is none of the allocator's.
    fraction = max(0.0, limit_bytes - CONTEXT_BYTES) / total_bytes
    torch.cuda.set_per_process_memory_fraction(min(1.0, fraction))


def facts() -> dict[str, int]:
    """``peak_vram_bytes``: the most that this process's torch has held of the GPU; empty where it holds nothing."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return {}
    return {"peak_vram_bytes": torch.cuda.max_memory_reserved()}
