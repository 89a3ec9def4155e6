"""How the GPU's memory would be shared out: for the card that is here, or for one that is only named."""

from models.memory.vram import CONTEXT_BYTES, GIB, Share
from stream.config import Options
from stream.doctor.check import Finding, size
from stream.runtime.gpu_budget import needs, shares, with_budget


def plan(options: Options) -> Finding:
    """The shares of a run with these options; ``--vram-budget-gib`` stands for a card where there is none.

    Raises:
        NoRoomError: the models do not fit.
    """
    if not needs(options):
        return Finding("no model of this run uses the GPU")
    planned = options if options.machine.vram_budget_gib is not None else with_budget(options)
    if planned.machine.vram_budget_gib is None:
        return Finding("no GPU; --vram-budget-gib 23 shows what a card of 24 GiB would be shared out to")
    parts = [f"{name} {_told(share)}" for name, share in shares(planned).items()]
    return Finding(f"of {planned.machine.vram_budget_gib:.1f} GiB, {'; '.join(parts)} (not measured on a GPU)")


def _told(share: Share) -> str:
    """As ``2.6 GiB at most: CUDA 0.8, weights 0.6, and a batch of 4, each activations 0.4``, all in GiB."""
    need = share.need
    cache = f" and KV cache {need.cache_bytes / GIB:.2f}" if need.cache_bytes else ""
    activations = f"activations {(need.each_bytes - need.cache_bytes) / GIB:.2f}"
    return (
        f"{size(share.limit_bytes)} at most: CUDA {CONTEXT_BYTES / GIB:.2f}, weights {need.weights_bytes / GIB:.2f}, "
        f"and a batch of {share.batch}, each {activations}{cache}"
    )
