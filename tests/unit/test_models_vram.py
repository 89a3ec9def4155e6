"""VRAM is shared out before it is taken: nobody gets more than there is, and everybody can work."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.encoders.vjepa2.cost import encoder_need, encoder_shape
from models.encoders.vjepa2.random_weights import save_random_vjepa2
from models.memory import gpu, vram
from models.memory.vram import GIB, MARGIN_BYTES, Need, share_out
from tests.support.properties import examples

pytestmark = pytest.mark.slow  # it uses torch, whose import takes seconds

VIT_L = Need(weights_bytes=607_770_624, each_bytes=456_130_560, batch_max=4)
QWEN_7B = Need(weights_bytes=16_600_000_000, each_bytes=400_000_000, batch_max=8)

needs = st.builds(Need, st.integers(0, 20 * GIB), st.integers(1, 2 * GIB), st.integers(1, 16))


@examples()
@given(st.integers(0, 200 * GIB), st.dictionaries(st.sampled_from(["encode", "annotate", "other"]), needs, min_size=1))
def test_shares_stay_within_the_budget(budget_bytes: int, requested: dict[str, Need]) -> None:
    """Limits add up to the budget at most, hold their own batches, and a budget too small is an error."""
    if budget_bytes < sum(need.least_bytes for need in requested.values()):
        with pytest.raises(MemoryError, match="VRAM budget"):
            share_out(budget_bytes, requested)
        return
    shares = share_out(budget_bytes, requested)
    assert sum(share.limit_bytes for share in shares.values()) <= budget_bytes
    for name, share in shares.items():
        assert 1 <= share.batch <= requested[name].batch_max
        assert share.limit_bytes >= requested[name].least_bytes + (share.batch - 1) * requested[name].each_bytes


def test_vit_l_and_a_7b_model_fit_a_24_gib_card() -> None:
    """On the card that the project is made for, both models fit beside each other, each with a batch above one."""
    shares = share_out(24 * GIB - MARGIN_BYTES, {"encode": VIT_L, "annotate": QWEN_7B})
    assert shares["encode"].batch > 1
    assert shares["annotate"].batch > 1


def test_small_card_is_refused_with_the_numbers() -> None:
    """What does not fit is said with what it would take, process by process."""
    with pytest.raises(MemoryError, match=r"budget of 12\.0 GiB .* \(encode 1\.7, annotate 16\.6\)"):
        share_out(12 * GIB, {"encode": VIT_L, "annotate": QWEN_7B})


def test_need_of_a_checkpoint(tmp_path: Path) -> None:
    """A longer window takes more activations and no more weights."""
    shape = encoder_shape(save_random_vjepa2(tmp_path / "model", "random-small"))
    short, long = encoder_need(shape, 16), encoder_need(shape, 64)
    assert short.weights_bytes == long.weights_bytes > 0
    assert long.each_bytes == pytest.approx(4 * short.each_bytes, rel=1e-6)


def test_limit_is_torchs_part_of_the_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's allocator may take the share without the context, of which it knows nothing, as a part of the card."""
    import torch

    class Card:
        total_memory = 24 * GIB

    fractions = list[float]()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: Card())
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", fractions.append)
    vram.limit_process(vram.CONTEXT_BYTES + 6 * GIB)
    vram.limit_process(100 * GIB)
    assert fractions == [0.25, 1.0]


def test_missing_gpu_is_not_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a GPU there is nothing to find, to limit or to have used; hidden cards are none."""
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    vram.limit_process(GIB)
    assert vram.facts() == {}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpu.find_gpu() is None


def test_limit_needs_no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where torch is not installed, there is no allocator of torch to be limited, and nothing is imported."""
    monkeypatch.setattr(vram, "find_spec", lambda _: None)
    monkeypatch.setitem(sys.modules, "torch", None)
    vram.limit_process(GIB)
    assert vram.facts() == {}


class FakeNvml:
    """What is asked of NVML, with two cards."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import pynvml

        class Memory:
            total, free = 24 * GIB, 20 * GIB

        monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
        monkeypatch.setattr(pynvml, "nvmlShutdown", lambda: None)
        monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lambda index: f"card {index}")
        monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByUUID", lambda uuid: f"card {uuid}")
        monkeypatch.setattr(pynvml, "nvmlDeviceGetName", lambda handle: handle)
        monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", lambda _: Memory())


@pytest.mark.parametrize(
    ("visible", "name"), [(None, "card 0"), ("1,0", "card 1"), ("GPU-abc", "card GPU-abc"), ("-1", None)]
)
def test_card_is_the_one_that_cuda_uses(monkeypatch: pytest.MonkeyPatch, visible: str | None, name: str | None) -> None:
    """CUDA_VISIBLE_DEVICES decides which card is asked, by index or by UUID."""
    FakeNvml(monkeypatch)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    device = gpu.find_gpu()
    assert (device and device.name) == name
    assert device is None or (device.total_bytes, device.free_bytes) == (24 * GIB, 20 * GIB)
