"""Small random models in the real format, and transformers' own way to the same frame, for tests."""

from pathlib import Path
from typing import Any

import numpy as np

from models.encoders.encoder import UInt8
from models.packages import make_torchvision_importable

TINY_FRAMES = 4
TINY_DIMS = 24


def save_tiny_vjepa2(folder: Path, *, seed: int = 0, encoder_px: int = 256) -> Path:
    """Write a V-JEPA 2 of some 30,000 random weights for frames of ``encoder_px``, as ``save_pretrained`` does."""
    make_torchvision_importable()
    import torch
    from transformers import VJEPA2Config, VJEPA2Model

    config = VJEPA2Config(
        frames_per_clip=TINY_FRAMES,
        crop_size=encoder_px,
        hidden_size=TINY_DIMS,
        num_attention_heads=2,
        num_hidden_layers=2,
        mlp_ratio=2,
        initializer_range=0.2,
        pred_hidden_size=TINY_DIMS,
        pred_num_attention_heads=2,
        pred_num_hidden_layers=1,
        pred_num_mask_tokens=1,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        VJEPA2Model(config).save_pretrained(folder)
    hf_processor(encoder_px).save_pretrained(folder)
    return folder


def hf_processor(encoder_px: int = 256) -> Any:  # noqa: ANN401  (transformers types its processors loosely)
    """The reference processor with the published checkpoint's settings."""
    make_torchvision_importable()
    from transformers import VJEPA2VideoProcessor

    return VJEPA2VideoProcessor(crop_size=encoder_px)


def hf_frame(frame: UInt8) -> UInt8:
    """The reference processor's encoder frame of one picture: (H, W, 3) to (256, 256, 3), both uint8 RGB."""
    settings = {"do_rescale": False, "do_normalize": False, "return_tensors": "pt"}
    video = hf_processor()(frame[None], **settings)["pixel_values_videos"]
    cropped: UInt8 = video[0, 0].permute(1, 2, 0).numpy()
    return cropped


def textured_frame(width_px: int, height_px: int, *, seed: int = 0) -> UInt8:
    """A picture with detail at every scale, (height_px, width_px, 3) uint8: noise summed over octaves."""
    import cv2

    generator = np.random.default_rng(seed)
    total = np.zeros((height_px, width_px, 3), np.float32)
    for octave in range(2, 10):
        noise = generator.normal(0, 20, (2**octave, 2**octave, 3)).astype(np.float32)
        total += cv2.resize(noise, (width_px, height_px), interpolation=cv2.INTER_CUBIC)
    return np.clip(128 + total, 0, 255).astype(np.uint8)
