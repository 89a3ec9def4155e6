"""V-JEPA 2's rotary position embedding, computed once instead of in every layer of every window.

transformers computes positions, frequencies, sines and cosines anew for the queries and for the keys of each layer.
They depend on the size of the window alone. A rotary embedding is linear: pairs of numbers are rotated, each number by
an angle of its own, so that two probes through the model's own code show all sines and cosines, bit for bit, and no
formula is written down a second time.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from transformers.models.vjepa2.modeling_vjepa2 import VJEPA2RopeAttention


class Rotary:
    """Rotates queries and keys of windows of one size."""

    def __init__(self, attention: "VJEPA2RopeAttention", tokens: int, dtype: torch.dtype) -> None:
        """Read the tables off ``attention``, in float32, for windows of ``tokens`` tokens; keep them in ``dtype``."""
        device = attention.query.weight.device
        first = torch.zeros(1, 1, tokens, attention.attention_head_size, device=device)
        first[..., 0::2] = 1
        of_first, of_second = _rotated(attention, first), _rotated(attention, 1 - first)
        # (a, b) becomes (a cos - b sin, b cos + a sin'): of (1, 0) it is (cos, sin'), of (0, 1) it is (-sin, cos).
        self._cos = torch.where(first == 1, of_first, of_second).to(dtype)
        self._sin = torch.where(first == 1, of_second, of_first).to(dtype)

    def rotate(self, qk: torch.Tensor, _positions: None) -> torch.Tensor:
        """(B, heads, tokens, head size), the same: what the model's ``apply_rotary_embeddings`` gives."""
        swapped = qk.reshape(*qk.shape[:-1], -1, 2).flip(-1).flatten(-2)
        return qk * self._cos + swapped * self._sin


def _rotated(attention: Any, probe: torch.Tensor) -> torch.Tensor:  # noqa: ANN401 - transformers leaves it unannotated
    """(1, 1, tokens, head size) by the model's own code."""
    positions = attention.get_position_ids(probe[0])
    rotated: torch.Tensor = attention.apply_rotary_embeddings(probe, positions)
    return rotated


def rotate_by_tables(attentions: Iterable["VJEPA2RopeAttention"], tokens: int, dtype: torch.dtype) -> None:
    """Let all layers share one ``Rotary``; from then on they take windows of ``tokens`` tokens only."""
    attentions = list(attentions)
    rotary = Rotary(attentions[0], tokens, dtype)
    for attention in attentions:
        attention.get_position_ids = _no_positions  # type: ignore[method-assign]  # the point of this module
        attention.apply_rotary_embeddings = rotary.rotate  # type: ignore[method-assign]  # as above


def _no_positions(_hidden: torch.Tensor, masks: torch.Tensor | None = None) -> None:
    """The tables are for whole windows: nothing is masked."""
    if masks is not None:
        raise ValueError("a masked window cannot be encoded with tables for the whole one")
