"""V-JEPA 2 with random weights in the real format: what it costs is real, what it says means nothing."""

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
"""As many tokens a window as the real one has, and a width and depth that a CPU can bear."""


def save_random_vjepa2(folder: Path, size: RandomSize, *, seed: int = 0) -> Path:
    """Write a whole V-JEPA 2, predictor included, as ``save_pretrained`` does; the same seed gives the same weights.

    Args:
        folder: Where it goes; made if it is not there.
        size: ``random`` is ViT-L as published (0.65 GB in float16), ``random-small`` has 0.2 million weights.
        seed: Of the weights.

    Raises:
        ModelUnavailableError: a package is missing.
    """
    require_packages(PACKAGES, extra="vjepa")
    make_torchvision_importable()
    import torch
    from transformers import VJEPA2Config, VJEPA2Model
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers leaves it unannotated
    config = VJEPA2Config(**(_SMALL if size == "random-small" else {}))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model: Any = VJEPA2Model(config)
    model.half().save_pretrained(folder)
    return folder
