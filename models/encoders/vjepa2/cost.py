"""What a window costs in a V-JEPA 2 encoder: arithmetic and memory, from its configuration alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.errors import ModelUnavailableError
from models.memory.vram import SLACK, Need
from models.weights.weights import read_json

_HALF_BYTES: Final = 2
_BATCH_MAX: Final = 4
"""One window of ViT-L has 8192 tokens and fills a GPU by itself: more windows at a time bring little."""
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
"""Of transformers' ``VJEPA2Config``, for keys that a ``config.json`` leaves out: ViT-L."""


@dataclass(frozen=True, slots=True)
class EncoderShape:
    """The numbers of a ViT encoder that decide what it costs; the defaults are ViT-L's."""

    dims: int = 1024
    """D, width of a token."""
    layers: int = 24
    """L."""
    mlp_ratio: float = 4.0
    """m: the hidden layer of a block's MLP has m D units."""
    patch_px: int = 16
    tubelet_frames: int = 2
    encoder_px: int = 256
    channels: int = 3
    heads: int = 16
    """Of the attention."""

    def tokens(self, frames: int) -> int:
        """N, the tokens of one window."""
        return frames // self.tubelet_frames * (self.encoder_px // self.patch_px) ** 2

    @property
    def patch_inputs(self) -> int:
        """P, the numbers that one token is made from."""
        return self.channels * self.tubelet_frames * self.patch_px**2

    def flop(self, frames: int) -> int:
        """Floating point operations of one window; a multiplication and an addition are two.

        Matrix products alone, as ``torch.utils.flop_counter`` counts them::

            2 N P D  +  L ((8 + 4 m) N D^2  +  4 N^2 D)

        Of each layer: queries, keys, values and the projection are 2 N D^2 each, the MLP's two products 2 m N D^2 each,
        the attention's two 2 N^2 D each. ViT-L, 64 frames of 256 pixels: 11.57 TFLOP.
        """
        tokens, dims = self.tokens(frames), self.dims
        layer = (8 + 4 * self.mlp_ratio) * tokens * dims**2 + 4 * tokens**2 * dims
        return round(2 * tokens * self.patch_inputs * dims + self.layers * layer)

    @property
    def parameters(self) -> int:
        """Numbers that the encoder has learned, without the predictor's."""
        dims, hidden = self.dims, round(self.mlp_ratio * self.dims)
        attention, mlp, norms = 4 * dims * (dims + 1), hidden * (dims + 1) + dims * (hidden + 1), 4 * dims
        return dims * (self.patch_inputs + 1) + self.layers * (attention + mlp + norms) + 2 * dims

    def activation_bytes(self, frames: int, number_bytes: int, *, fused: bool = True) -> int:
        """Most memory that one window takes at a time beside the weights.

        Of a layer, in units of N D numbers: the MLP's hidden layer before and after its activation (2 m), and four of
        width D: the layer's input, the sum after attention, its norm and one in the making. Attention holds 7, fewer
        where m is 2 or more. It is what torch's profiler shows on the CPU for attention in a fused kernel, which keeps
        no N x N matrix; one that is written out keeps two for each head, before and after its softmax, 2 GiB each for
        64 frames through ViT-L in float16. The pixels come on top: as bytes, twice in float32 while they are
        normalised, and twice in the model's numbers, once as they are and once as the patches' product wants them.

        Args:
            frames: T, the frames of the window.
            number_bytes: Of one activation: 2 for float16, 4 for float32.
            fused: Whether a kernel does the whole attention.
        """
        tokens = self.tokens(frames)
        matrices = 0 if fused else 2 * self.heads * tokens**2
        mlp, attention = (2 * self.mlp_ratio + 4) * tokens * self.dims, 7 * tokens * self.dims + matrices
        layer = max(mlp, attention) * number_bytes
        pixels = frames * self.channels * self.encoder_px**2
        return round(layer) + pixels * (1 + 4 + 4 + 2 * number_bytes)


def encoder_shape(folder: Path) -> EncoderShape:
    """The shape of the encoder in ``folder``, read from its ``config.json``.

    Raises:
        ModelUnavailableError: it cannot be read, or a number in it is none.
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
