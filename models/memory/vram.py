"""Divides a budget of GPU memory among the processes that use the GPU, before any of them allocates.

Not tested on a GPU yet: the constants below are chosen too large rather than too small, and if one is still too small,
batches halve (``models.memory.adaptive_batch``).
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

GIB: Final = 1 << 30
MARGIN_BYTES: Final = GIB
"""GPU memory left unused if no budget is given: for the desktop and for anything not planned."""
CONTEXT_BYTES: Final = 3 * GIB // 4
"""For each process: CUDA's context with torch's kernels, and cuBLAS's workspaces; torch's allocator counts neither."""
DECODER_BYTES: Final = GIB // 2
"""NVDEC's surfaces, about 20 of 12 MiB for 4K video, and the maps and pictures of the remap. Not measured."""
SLACK: Final = 1.25
"""Factor on estimated activations, for the allocator's fragmentation and kernel workspaces."""


@dataclass(frozen=True, slots=True)
class Need:
    """GPU memory that a process needs."""

    weights_bytes: int
    each_bytes: int
    """For each element of a batch: the activations of a window, or of a request with its KV cache."""
    batch_max: int
    """Largest useful batch."""
    cache_bytes: int = 0
    """KV cache, as part of ``each_bytes``; the rest are activations."""

    @property
    def least_bytes(self) -> int:
        """Memory for a batch of one, with the CUDA context."""
        return CONTEXT_BYTES + self.weights_bytes + self.each_bytes


@dataclass(frozen=True, slots=True)
class Share:
    """GPU memory assigned to a process."""

    need: Need
    batch: int
    """Initial batch size."""
    limit_bytes: int
    """Maximum, including the CUDA context."""

    @property
    def allocator_bytes(self) -> int:
        """Maximum for the allocator, which does not count the context."""
        return max(0, self.limit_bytes - CONTEXT_BYTES)


def decoder_need() -> Need:
    """GPU memory for decoding with NVDEC and rectifying on the GPU."""
    return Need(0, DECODER_BYTES, 1)


def share_out(budget_bytes: int, needs: Mapping[str, Need]) -> dict[str, Share]:
    """Give every process memory for a batch of one, then for one more element each in turn until the budget is used up.

    The remainder is divided evenly.

    Raises:
        MemoryError: the budget is too small for a batch of one in each process.
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
        f"{least_bytes / GIB:.1f} GiB ({parts}): free GPU memory, raise --vram-budget-gib, or choose smaller models"
    )


def limit_process(limit_bytes: int) -> None:
    """Limit the GPU memory of torch in this process. Does nothing without torch or a GPU. Not tested on a GPU yet.

    Beyond the limit torch raises ``OutOfMemoryError``, as if the GPU were full, and other processes are not affected.
    """
    if find_spec("torch") is None:
        return
    import torch

    if not torch.cuda.is_available():
        return
    total_bytes = torch.cuda.get_device_properties(0).total_memory
    # The context is always allocated, and not by torch's allocator.
    fraction = max(0.0, limit_bytes - CONTEXT_BYTES) / total_bytes
    torch.cuda.set_per_process_memory_fraction(min(1.0, fraction))


def facts() -> dict[str, int]:
    """``peak_vram_bytes``, the peak GPU memory that torch has reserved in this process; empty without torch or GPU."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return {}
    return {"peak_vram_bytes": torch.cuda.max_memory_reserved()}
