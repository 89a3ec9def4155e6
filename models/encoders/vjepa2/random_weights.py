"""V-JEPA 2 with random weights in the real format: its cost is real, its embeddings are meaningless."""

from pathlib import Path
from typing import Any, Final

from models.encoders.spec import RandomSize
from models.encoders.vjepa2.encoder import PACKAGES
from models.packages import make_torchvision_importable, require_packages

_SMALL: Final[dict[str, Any]] = {
    "hidden_size": 64,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "mlp_ratio": 4.0,
    "pred_hidden_size": 24,
    "pred_num_attention_heads": 2,
    "pred_num_hidden_layers": 1,
    "pred_num_mask_tokens": 1,
}
"""As many tokens in a window as the real model, with a width and depth that a CPU can handle."""


def save_random_vjepa2(folder: Path, size: RandomSize, *, seed: int = 0) -> Path:
    """Write a complete V-JEPA 2, predictor included, with ``save_pretrained``; the same seed gives the same weights.

    Args:
        folder: destination; created if missing.
        size: ``random`` is ViT-L as published (0.65 GB in float16), ``random-small`` has 0.2 million parameters.
        seed: seed of the weights.

    Raises:
        ModelUnavailableError: a package is missing.
    """
    require_packages(PACKAGES, extra="vjepa")
    make_torchvision_importable()
    import torch
    from transformers import VJEPA2Config, VJEPA2Model
    from transformers.utils import logging

    logging.disable_progress_bar()
    config = VJEPA2Config(**(_SMALL if size == "random-small" else {}))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model: Any = VJEPA2Model(config)
    model.half().save_pretrained(folder)
    return folder
