"""Arithmetic and memory of a V-JEPA 2 encoder for one window, from its configuration alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.errors import ModelUnavailableError
from models.memory.vram import SLACK, Need
from models.weights.weights import read_json

_HALF_BYTES: Final = 2
_BATCH_MAX: Final = 4
"""Windows at a time. One window of ViT-L has 8192 tokens and fills a GPU by itself, so larger batches gain little."""
_DEFAULTS: Final = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "mlp_ratio": 4.0,
    "patch_size": 16,
    "tubelet_size": 2,
    "crop_size": 256,
    "in_chans": 3,
    "num_attention_heads": 16,
}
"""Defaults of transformers' ``VJEPA2Config`` (ViT-L), for keys that a ``config.json`` leaves out."""


@dataclass(frozen=True, slots=True)
class EncoderShape:
    """The dimensions of a ViT encoder that determine its cost; the defaults are ViT-L's."""

    dims: int = 1024
    """D, width of a token."""
    layers: int = 24
    """L, transformer layers."""
    mlp_ratio: float = 4.0
    """m: the hidden layer of each MLP has m D units."""
    patch_px: int = 16
    tubelet_frames: int = 2
    encoder_px: int = 256
    channels: int = 3
    heads: int = 16
    """Attention heads."""

    def tokens(self, frames: int) -> int:
        """N, tokens in one window."""
        return frames // self.tubelet_frames * (self.encoder_px // self.patch_px) ** 2

    @property
    def patch_inputs(self) -> int:
        """P, input values of one token."""
        return self.channels * self.tubelet_frames * self.patch_px**2

    def flop(self, frames: int) -> int:
        """Floating-point operations for one window; a multiply-add counts as two.

        Only matrix products are counted, as by ``torch.utils.flop_counter``::

            2 N P D  +  L ((8 + 4 m) N D^2  +  4 N^2 D)

        For each layer: queries, keys, values and the output projection take 2 N D^2 each, the MLP's two products
        2 m N D^2 each, the attention's two products 2 N^2 D each. ViT-L, 64 frames of 256 pixels: 11.57 TFLOP.
        """
        tokens, dims = self.tokens(frames), self.dims
        layer = (8 + 4 * self.mlp_ratio) * tokens * dims**2 + 4 * tokens**2 * dims
        return round(2 * tokens * self.patch_inputs * dims + self.layers * layer)

    @property
    def parameters(self) -> int:
        """Number of parameters of the encoder, without the predictor."""
        dims, hidden = self.dims, round(self.mlp_ratio * self.dims)
        attention, mlp, norms = 4 * dims * (dims + 1), hidden * (dims + 1) + dims * (hidden + 1), 4 * dims
        return dims * (self.patch_inputs + 1) + self.layers * (attention + mlp + norms) + 2 * dims

    def activation_bytes(self, frames: int, number_bytes: int, *, fused: bool = True) -> int:
        """Peak memory for one window, in addition to the weights.

        For one layer, in units of N D values: the MLP's hidden layer before and after its activation (2 m), and four of
        width D: the layer's input, the sum after attention, its norm and one being computed. Attention holds 7, which
        is fewer if m is 2 or more. This is what torch's profiler shows on the CPU for attention in a fused kernel,
        which stores no N x N matrix. Attention that is written out stores two for each head, before and after the
        softmax: 2 GiB each for 64 frames through ViT-L in float16. The pixels come on top: as bytes, twice in float32
        during normalisation, and twice in the model's dtype, once as they are and once in the layout of the patch
        embedding.

        Args:
            frames: T, frames in the window.
            number_bytes: size of one activation: 2 for float16, 4 for float32.
            fused: whether attention runs in one fused kernel.
        """
        tokens = self.tokens(frames)
        matrices = 0 if fused else 2 * self.heads * tokens**2
        mlp, attention = (2 * self.mlp_ratio + 4) * tokens * self.dims, 7 * tokens * self.dims + matrices
        layer = max(mlp, attention) * number_bytes
        pixels = frames * self.channels * self.encoder_px**2
        return round(layer) + pixels * (1 + 4 + 4 + 2 * number_bytes)


def encoder_shape(folder: Path) -> EncoderShape:
    """Read the shape of the encoder in ``folder`` from its ``config.json``.

    Raises:
        ModelUnavailableError: it cannot be read, or one of its values is not a positive number.
    """
    config = {**_DEFAULTS, **read_json(folder / "config.json")}
    dims, layers, mlp_ratio, *others = (_positive(folder, key, config[key]) for key in _DEFAULTS)
    return EncoderShape(int(dims), int(layers), mlp_ratio, *map(int, others))


def encoder_need(shape: EncoderShape, frames: int) -> Need:
    """GPU memory that the encoder takes in float16, for windows of ``frames`` frames."""
    activations = round(SLACK * shape.activation_bytes(frames, _HALF_BYTES))
    return Need(_HALF_BYTES * shape.parameters, activations, _BATCH_MAX)


def _positive(folder: Path, key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise ModelUnavailableError(f"the model in {folder} has {key} {value!r}, expected a positive number")
    return float(value)
