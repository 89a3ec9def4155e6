"""Loads the encoder of a V-JEPA 2 checkpoint; its predictor is neither built nor read."""

from pathlib import Path
from typing import Any

import torch
from transformers import VJEPA2Config
from transformers.models.vjepa2.modeling_vjepa2 import VJEPA2Encoder, VJEPA2PreTrainedModel

from models.memory.oom import full_memory_as_memory_error
from models.weights.loading import load_pretrained


class EncoderAlone(VJEPA2PreTrainedModel):  # type: ignore[misc]  # its types are not followed
    """A V-JEPA 2 without its predictor, for ``from_pretrained``."""

    def __init__(self, config: VJEPA2Config) -> None:
        super().__init__(config)
        self.encoder = VJEPA2Encoder(config)
        self.post_init()


def load_encoder(folder: Path, dtype: torch.dtype, device: torch.device) -> VJEPA2Encoder:
    """Load the encoder of the model in ``folder`` for inference.

    Raises:
        ModelUnavailableError: the folder does not hold a complete V-JEPA 2.
        MemoryError: it does not fit into the device's memory.
    """
    with full_memory_as_memory_error():
        model: Any = load_pretrained(EncoderAlone, folder, dtype=dtype, attn_implementation="sdpa")
        encoder: VJEPA2Encoder = model.encoder.to(device).eval()
    return encoder
