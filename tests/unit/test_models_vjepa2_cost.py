"""The formulas for a window's cost give what torch itself counts on models of several shapes."""

import json
from pathlib import Path
from typing import Any

import pytest

from models.encoders.encoder import FRAMES
from models.encoders.vjepa2.cost import EncoderShape, encoder_shape
from models.encoders.vjepa2.encoder import VJepa2Encoder
from models.encoders.vjepa2.random_weights import save_random_vjepa2
from models.errors import ModelUnavailableError
from models.packages import make_torchvision_importable

pytestmark = pytest.mark.slow  # it uses torch, whose import takes seconds

SHAPES = [
    EncoderShape(dims=24, layers=2, mlp_ratio=2.0, encoder_px=64, heads=2),
    EncoderShape(dims=96, layers=3, mlp_ratio=4.0, encoder_px=64, heads=2),
    EncoderShape(dims=64, layers=1, mlp_ratio=1.0, patch_px=8, encoder_px=32, heads=2),
]
SHORT = 8
"""Frames of a window here."""


def _encoder(shape: EncoderShape, attention: str) -> Any:  # noqa: ANN401  (transformers types its models loosely)
    make_torchvision_importable()
    from transformers import VJEPA2Config, VJEPA2Model

    choice: dict[str, Any] = {"attn_implementation": attention}  # which transformers' annotations do not name
    config = VJEPA2Config(
        hidden_size=shape.dims,
        num_attention_heads=shape.heads,
        num_hidden_layers=shape.layers,
        mlp_ratio=shape.mlp_ratio,
        patch_size=shape.patch_px,
        crop_size=shape.encoder_px,
        pred_hidden_size=24,
        pred_num_attention_heads=2,
        pred_num_hidden_layers=1,
        **choice,
    )
    return VJEPA2Model(config).encoder.eval()


def _window(shape: EncoderShape) -> Any:  # noqa: ANN401
    import torch

    return torch.zeros(1, SHORT, 3, shape.encoder_px, shape.encoder_px)


@pytest.mark.parametrize("shape", SHAPES)
def test_flop_is_what_torch_counts(shape: EncoderShape) -> None:
    """The formula equals the sum over the matrix products that torch's counter sees."""
    from torch.utils.flop_counter import FlopCounterMode

    encoder = _encoder(shape, "eager")  # torch counts nothing in the CPU's fused attention
    with FlopCounterMode(display=False) as counted:
        encoder(pixel_values_videos=_window(shape))
    assert shape.flop(SHORT) == counted.get_total_flops()


def test_flop_of_vit_l() -> None:
    """ViT-L takes 11.57 TFLOP for 64 frames of 256 pixels, 4.14 for 32 and 1.66 for 16."""
    assert [round(EncoderShape().flop(frames) / 1e12, 2) for frames in (64, 32, 16)] == [11.57, 4.14, 1.66]


@pytest.mark.parametrize("shape", SHAPES)
def test_parameters_are_counted(shape: EncoderShape) -> None:
    """The number of weights is the encoder's own, without the predictor's."""
    assert shape.parameters == sum(weight.numel() for weight in _encoder(shape, "sdpa").parameters())


@pytest.mark.parametrize("shape", SHAPES)
def test_activations_are_not_underestimated(shape: EncoderShape) -> None:
    """The estimate covers what the profiler sees of the forward pass alone, and is at most four times as much."""
    peak = _peak_bytes(_encoder(shape, "sdpa"), _window(shape))
    assert peak <= shape.activation_bytes(SHORT, 4) <= 4 * peak


def test_written_out_attention_keeps_its_matrices() -> None:
    """Where no kernel does the whole attention, the two matrices of each head decide, and the estimate covers them."""
    shape = EncoderShape(dims=96, layers=1, mlp_ratio=2.0, patch_px=8, encoder_px=128, heads=4)
    peak = _peak_bytes(_encoder(shape, "eager"), _window(shape))
    assert peak > shape.activation_bytes(SHORT, 4)
    assert peak <= shape.activation_bytes(SHORT, 4, fused=False) <= 2 * peak


def test_mlp_decides_in_wide_models() -> None:
    """Where tokens are wide, as in ViT-L, the layers' share of the estimate is what the profiler sees, to 5 %."""
    shape = EncoderShape(dims=1024, layers=1, encoder_px=128)
    tokens = shape.tokens(SHORT) * shape.dims * 4
    assert _peak_bytes(_encoder(shape, "sdpa"), _window(shape)) == pytest.approx(12 * tokens, rel=0.05)


def _peak_bytes(encoder: Any, window: Any) -> int:  # noqa: ANN401
    """Most memory that the CPU's allocator had out at a time during one forward pass."""
    import torch

    with (
        torch.inference_mode(),
        torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile,
    ):
        encoder(pixel_values_videos=window)
    allocated = peak = 0
    for event in profile.profiler.kineto_results.events():
        if event.name() == "[memory]":
            allocated += event.nbytes()
            peak = max(peak, allocated)
    return peak


def test_shape_is_read_from_the_checkpoint(tmp_path: Path) -> None:
    """A checkpoint's own numbers count, ViT-L's where it leaves one out; a number that is none is refused."""
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "vjepa2", "hidden_size": 64}))
    assert encoder_shape(tmp_path) == EncoderShape(dims=64)
    (tmp_path / "config.json").write_text(json.dumps({"num_hidden_layers": "many"}))
    with pytest.raises(ModelUnavailableError, match="num_hidden_layers 'many', expected a positive number"):
        encoder_shape(tmp_path)


def test_random_weights_load_the_real_way(tmp_path: Path) -> None:
    """A random checkpoint is a whole V-JEPA 2 of full windows, the same one for the same seed."""
    folder = save_random_vjepa2(tmp_path / "one", "random-small")
    encoder = VJepa2Encoder(folder)
    assert (encoder.frames, encoder.encoder_px) == (FRAMES, 256)
    assert encoder_shape(folder).tokens(FRAMES) == 8192
    again = VJepa2Encoder(save_random_vjepa2(tmp_path / "two", "random-small"))
    assert encoder.facts()["weights_sha256"] == again.facts()["weights_sha256"]
