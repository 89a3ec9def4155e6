"""V-JEPA 2's rotary position embedding from tables, instead of computing it in every layer of every window.

transformers recomputes positions, frequencies, sines and cosines for the queries and keys of each layer, although they
depend only on the window's size. With tables an exported ONNX graph holds constants in their place, too. A rotary
embedding is linear: each pair of numbers is rotated by its own angle. Two probes through the model's own code therefore
reveal all sines and cosines exactly, and no formula is duplicated here.

The tables replace two methods of transformers' attention, which are not a public interface. Before they do, their
result is compared with that of the model's own code; if another version of transformers works differently, the model
keeps its own code, which is slower and gives the same embeddings.
"""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import torch

if TYPE_CHECKING:
    from transformers.models.vjepa2.modeling_vjepa2 import VJEPA2RopeAttention

_REPLACED: Final = ("get_position_ids", "apply_rotary_embeddings")
"""Methods of transformers 5.23's ``VJEPA2RopeAttention``."""
_TOLERANCE: Final = 1e-5
"""Largest difference between the tables' result and the model's in float32, for values up to 1."""
_LOG = logging.getLogger(__name__)


class Rotary:
    """Rotates queries and keys of windows of one size."""

    def __init__(self, attention: "VJEPA2RopeAttention", tokens: int, dtype: torch.dtype) -> None:
        """Read the tables off ``attention`` in float32, for ``tokens`` tokens a window, and store them in ``dtype``."""
        first = torch.zeros(1, 1, tokens, attention.attention_head_size, device=attention.query.weight.device)
        first[..., 0::2] = 1
        from_first, from_second = _rotate_by_model(attention, first), _rotate_by_model(attention, 1 - first)
        # (a, b) becomes (a cos - b sin, b cos + a sin'): (1, 0) becomes (cos, sin'), and (0, 1) becomes (-sin, cos).
        self._cos = torch.where(first == 1, from_first, from_second).to(dtype)
        self._sin = torch.where(first == 1, from_second, from_first).to(dtype)

    def rotate(self, qk: torch.Tensor, _positions: None) -> torch.Tensor:
        """(B, heads, tokens, head size) to the same shape, as the model's ``apply_rotary_embeddings``."""
        swapped = qk.reshape(*qk.shape[:-1], -1, 2).flip(-1).flatten(-2)
        return qk * self._cos + swapped * self._sin


def rotate_by_tables(attentions: Iterable["VJEPA2RopeAttention"], tokens: int, dtype: torch.dtype) -> None:
    """Make all layers share one ``Rotary``; afterwards they accept only windows of ``tokens`` tokens."""
    attentions = list(attentions)
    if not _tables_match(attentions[0], tokens):
        _LOG.warning("this version of transformers rotates differently than expected: V-JEPA 2 runs without tables")
        return
    rotary = Rotary(attentions[0], tokens, dtype)
    for attention in attentions:
        attention.get_position_ids = _no_positions
        attention.apply_rotary_embeddings = rotary.rotate


def _tables_match(attention: "VJEPA2RopeAttention", tokens: int) -> bool:
    """Whether the tables rotate a probe as the model's own code does."""
    if not all(hasattr(attention, name) for name in _REPLACED):
        return False
    size = attention.attention_head_size
    probe = torch.linspace(-1, 1, tokens * size, device=attention.query.weight.device).reshape(1, 1, tokens, size)
    by_tables = Rotary(attention, tokens, torch.float32).rotate(probe, None)
    return torch.allclose(by_tables, _rotate_by_model(attention, probe), rtol=0, atol=_TOLERANCE)


def _rotate_by_model(attention: Any, probe: torch.Tensor) -> torch.Tensor:  # noqa: ANN401 - transformers leaves it unannotated
    """(1, 1, tokens, head size) rotated by the model's own code."""
    positions = attention.get_position_ids(probe[0])
    rotated: torch.Tensor = attention.apply_rotary_embeddings(probe, positions)
    return rotated


def _no_positions(_hidden: torch.Tensor, masks: torch.Tensor | None = None) -> None:
    """The tables hold whole windows, so there are no positions and no masks."""
    if masks is not None:
        raise ValueError("a masked window cannot be encoded with rotary tables for whole windows")
