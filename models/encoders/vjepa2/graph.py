"""The graph from bytes to embedding that runs on the device and is exported to ONNX."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from models.encoders.encoder import TUBELET_FRAMES
from models.encoders.vjepa2.rotary import rotate_by_tables

if TYPE_CHECKING:
    from transformers.models.vjepa2.modeling_vjepa2 import VJEPA2Encoder

Colour = tuple[float, ...]


class WindowGraph(nn.Module):
    """Normalises, encodes and pools windows of one size."""

    def __init__(self, encoder: "VJEPA2Encoder", frames: int, mean: Colour, std: Colour) -> None:
        """Take over ``encoder`` for windows of ``frames`` frames; afterwards it accepts no others.

        Args:
            encoder: on its device, in its final dtype.
            frames: T.
            mean: mean of each channel, on a 0-1 scale.
            std: standard deviation of each channel, on the same scale.
        """
        super().__init__()
        config = encoder.config
        weight = encoder.embeddings.patch_embeddings.proj.weight
        self.dims: int = config.hidden_size
        self.encoder_px: int = config.crop_size
        self._steps = frames // TUBELET_FRAMES
        self._dtype = weight.dtype
        # Frames are bytes: scaling by 1/255 is folded into mean and deviation, as transformers' processor does.
        self._mean = 255 * torch.tensor(mean, device=weight.device).reshape(3, 1, 1)
        self._std = 255 * torch.tensor(std, device=weight.device).reshape(3, 1, 1)
        attentions: list[Any] = [layer.attention for layer in encoder.layer]
        tokens = self._steps * attentions[0].grid_size ** 2
        rotate_by_tables(attentions, tokens, weight.dtype)
        self._encoder = encoder

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Encode windows.

        Args:
            frames: (B, T, encoder_px, encoder_px, 3) uint8, RGB.

        Returns:
            (B, D) float32, mean over all tokens, and (B, T/2, D) float32, mean over space.
        """
        video = (frames.permute(0, 1, 4, 2, 3) - self._mean) / self._std
        tokens = self._encoder(pixel_values_videos=video.to(self._dtype)).last_hidden_state
        # Tokens are ordered by time, then by row and column.
        temporal = tokens.float().unflatten(1, (self._steps, -1)).mean(dim=2)
        return temporal.mean(dim=1), temporal
