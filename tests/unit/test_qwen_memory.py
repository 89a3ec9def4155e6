"""The plan of the memory: exact where it can be."""

import json
from pathlib import Path
from typing import Any

import pytest

from models.annotators.qwen.memory import (
    Footprint,
    TokenCounts,
    footprint,
    kv_bytes_per_token,
    visual_tokens,
    weights_bytes,
)
from models.errors import ModelUnavailableError
from tests.support.tiny_qwen import save_tiny_qwen

pytestmark = pytest.mark.slow  # it uses torch, whose import takes seconds

TEXT_7B = {
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
}
"""Of Qwen/Qwen2.5-VL-7B-Instruct."""
TEXT_8B = {**TEXT_7B, "hidden_size": 4096, "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8}
"""Of Qwen/Qwen3-VL-8B-Instruct; its heads are 128 wide."""
VISION_7B = {"hidden_size": 1280, "intermediate_size": 3420}


@pytest.mark.parametrize(
    ("text", "number_bytes", "expected"),
    [(TEXT_7B, 2, 57_344), (TEXT_7B, 4, 114_688), (TEXT_8B | {"head_dim": 128}, 2, 147_456)],
)
def test_cache_of_a_token(text: dict[str, int], number_bytes: int, expected: int) -> None:
    """Keys and values of one token take 2 x layers x KV heads x head's width x bytes."""
    assert kv_bytes_per_token(text, number_bytes) == expected


@pytest.mark.parametrize(
    ("frames", "size", "side_px", "tokens"),
    [(2, (448, 252), 28, 144), (1, (448, 252), 28, 144), (5, (448, 252), 28, 432), (30, (576, 320), 32, 2700)],
)
def test_visual_tokens(frames: int, size: tuple[int, int], side_px: int, tokens: int) -> None:
    """A pair of frames costs a token for every square; a frame without a partner costs as much as a pair."""
    assert visual_tokens(frames, *size, side_px) == tokens


@pytest.mark.parametrize(
    "config", [{"text_config": TEXT_7B, "vision_config": VISION_7B}, TEXT_7B | {"vision_config": VISION_7B}]
)
def test_footprint_from_both_kinds_of_config(config: dict[str, Any]) -> None:
    """The language model's sizes stand in a part of their own, or, as in older checkpoints, at the top."""
    assert footprint(config, 2).kv_token == 57_344


def test_config_without_sizes_is_refused() -> None:
    """A configuration that lacks a size is an error that names it."""
    with pytest.raises(ModelUnavailableError, match="has no 'intermediate_size'"):
        footprint({"text_config": TEXT_7B, "vision_config": {"hidden_size": 1280}}, 2)


def test_batch_grows_with_the_budget() -> None:
    """As many rows as fit are taken, all of a batch padded to its longest; one is always tried."""
    model = Footprint(kv_token=10, text_token=100, visual_token=0)
    rows = [TokenCounts(prompt_tokens=10, visual_tokens=8, new_tokens_max=10)] * 3 + [TokenCounts(1000, 8, 10)]
    one = model.batch_bytes(rows[:1])
    assert one == 20 * 10 + 10 * 100
    assert [model.batch_for(budget, rows) for budget in (0, one, 2 * one, 3 * one + 1, 10**9)] == [1, 1, 2, 3, 4]


def test_batch_holds_the_larger_of_both_towers() -> None:
    """Pictures go through the vision tower before the words go through the language model: not both at a time."""
    rows = [TokenCounts(prompt_tokens=10, visual_tokens=8, new_tokens_max=0)] * 2
    assert Footprint(kv_token=0, text_token=1, visual_token=0).batch_bytes(rows) == 20
    assert Footprint(kv_token=0, text_token=1, visual_token=9).batch_bytes(rows) == 2 * 8 * 9


def test_weights_are_counted_from_the_headers(tmp_path: Path) -> None:
    """The count is that of the numbers in the files, without loading them."""
    folder = save_tiny_qwen(tmp_path, "qwen2_5_vl")
    from safetensors.numpy import load_file

    numbers = sum(weight.size for weight in load_file(folder / "model.safetensors").values())
    assert weights_bytes(folder, 2) == 2 * numbers


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x05\0\0\0\0\0\0\0[[[[[",
        b"\xff" * 8 + b"{}",
        b"\x02\0\0\0\0\0\0\0[]",
        b"\x08\0\0\0\0\0\0\0" + b'{"a": 1}',
    ],
)
def test_weights_without_a_header_are_refused(tmp_path: Path, data: bytes) -> None:
    """A file that is cut off, or no safetensors, is an error that names it."""
    (tmp_path / "config.json").write_text(json.dumps({}))
    (tmp_path / "model.safetensors").write_bytes(data)
    with pytest.raises(ModelUnavailableError, match=r"model\.safetensors is not a complete safetensors file"):
        weights_bytes(tmp_path, 2)
