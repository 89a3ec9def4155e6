"""What this process holds at a moment, to see whether it grows. Not run on a GPU yet."""

import psutil

from models.memory.gpu import find_gpu


def memory_bytes() -> dict[str, int]:
    """Resident memory; with a GPU also what torch has reserved and allocated there, and what all hold of the card."""
    import torch

    sizes_bytes = {"rss": psutil.Process().memory_info().rss}
    if torch.cuda.is_available():
        sizes_bytes |= {
            "torch_reserved": torch.cuda.memory_reserved(),
            "torch_allocated": torch.cuda.memory_allocated(),
        }
        if (card := find_gpu()) is not None:
            sizes_bytes["card_used"] = card.total_bytes - card.free_bytes
    return sizes_bytes


def growth(before: dict[str, int], after: dict[str, int]) -> dict[str, str]:
    """Of each figure both values in MiB and how much there is more."""
    return {f"{name}_mib": _change(size_bytes, after[name]) for name, size_bytes in before.items() if size_bytes}


def _change(before: int, after: int) -> str:
    return f"{before / 2**20:.1f} -> {after / 2**20:.1f} ({after / before - 1:+.2%})"
