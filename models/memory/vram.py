"""VRAM is a budget: shared out among the processes that use the GPU before any of them takes a byte.

Not run on a GPU yet: the constants below are chosen to be too large rather than too small, and where they are not
large enough, batches halve (``models.memory.adaptive_batch``).
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

GIB: Final = 1 << 30
MARGIN_BYTES: Final = GIB
"""Of a card, left alone where no budget is given: for its desktop, and what nobody thought of."""
CONTEXT_BYTES: Final = 3 * GIB // 4
"""Of each process: CUDA's context with torch's kernels, and cuBLAS's workspaces. torch's allocator knows of neither."""
DECODER_BYTES: Final = GIB // 2
"""NVDEC's surfaces, some 20 of 12 MiB for a picture of 4K, and the remap's maps and pictures. Not measured."""
SLACK: Final = 1.25
"""By how much activations are overestimated, for an allocator's fragments and a kernel's workspaces."""


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


def decoder_need() -> Need:
    """What decoding by NVDEC and rectifying on the GPU take, beside the context."""
    return Need(0, DECODER_BYTES, 1)


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
