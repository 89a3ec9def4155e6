"""V-JEPA 2 at full speed gives what the plain model gives."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.encoders.encoder import FRAMES, ClipEmbedding, Float32, UInt8
from models.encoders.vjepa2.encoder import Precision, VJepa2Encoder
from models.encoders.vjepa2.random_weights import save_random_vjepa2
from models.packages import make_torchvision_importable
from tests.support.tiny_models import TINY_FRAMES, hf_processor, save_tiny_vjepa2, textured_frame

pytestmark = pytest.mark.slow  # it uses torch, whose import takes seconds


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random V-JEPA 2 on disk."""
    return save_tiny_vjepa2(tmp_path_factory.mktemp("saved"))


@pytest.fixture(scope="module")
def frames() -> UInt8:
    """Enough for several windows that overlap."""
    return np.stack([textured_frame(256, 256, seed=seed) for seed in range(9)])


@pytest.mark.parametrize("hidden", [24, 32, 40])
def test_the_tables_rotate_as_the_model_does(hidden: int) -> None:
    """Bit for bit, whether or not a head has numbers left over that are not rotated."""
    make_torchvision_importable()
    import torch
    from transformers import VJEPA2Config
    from transformers.models.vjepa2.modeling_vjepa2 import VJEPA2RopeAttention

    from models.encoders.vjepa2.rotary import Rotary

    config = VJEPA2Config(crop_size=64, hidden_size=hidden, num_attention_heads=2)
    attention = VJEPA2RopeAttention(config, hidden, 2)
    tokens = 3 * attention.grid_size**2
    with torch.random.fork_rng():
        torch.manual_seed(0)
        queries = torch.randn(2, 2, tokens, hidden // 2)
    positions = attention.get_position_ids(queries[:, 0])
    expected = attention.apply_rotary_embeddings(queries, positions)
    assert torch.equal(Rotary(attention, tokens, torch.float32).rotate(queries, None), expected)


def test_positions_are_computed_once(folder: Path, frames: UInt8, monkeypatch: pytest.MonkeyPatch) -> None:
    """No window computes a sine or a position again."""
    from transformers.models.vjepa2 import modeling_vjepa2

    encoder = VJepa2Encoder(folder, TINY_FRAMES)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("positions are computed for a window")

    monkeypatch.setattr(modeling_vjepa2, "rotate_queries_or_keys", refuse)
    monkeypatch.setattr(modeling_vjepa2.VJEPA2RopeAttention, "_get_frame_pos", refuse)
    encoder.encode(frames[:TINY_FRAMES])


def test_another_rotation_keeps_the_models_own_code(
    folder: Path, frames: UInt8, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where a version of transformers rotates otherwise, the tables are left out, and this is logged."""
    from transformers.models.vjepa2 import modeling_vjepa2

    def shifted(self: Any, qk: Any, pos_ids: Any) -> Any:  # noqa: ANN401 - transformers leaves it unannotated
        return original(self, qk, pos_ids) + qk.flip(-1)

    attention = modeling_vjepa2.VJEPA2RopeAttention
    original = attention.apply_rotary_embeddings
    monkeypatch.setattr(attention, "apply_rotary_embeddings", shifted)
    encoder = VJepa2Encoder(folder, TINY_FRAMES)
    assert "runs without tables" in caplog.text
    assert all("apply_rotary_embeddings" not in vars(layer.attention) for layer in encoder._graph._encoder.layer)
    assert np.isfinite(encoder.encode(frames[:TINY_FRAMES]).mean).all()


def test_the_predictor_is_never_built(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither memory nor time is spent on the part that gives no embedding."""
    from transformers.models.vjepa2 import modeling_vjepa2

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the predictor is built")

    monkeypatch.setattr(modeling_vjepa2.VJEPA2Predictor, "__init__", refuse)
    VJepa2Encoder(folder, TINY_FRAMES)


def test_a_batch_gives_what_single_windows_give(folder: Path, frames: UInt8) -> None:
    """To 1e-5, from frames that went to the device once, in slots that others had before."""
    encoder = VJepa2Encoder(folder, TINY_FRAMES)
    store = encoder.frame_store()
    first = [store.put(frame) for frame in frames[:4]]
    for slot in first:
        store.drop(slot)
    slots = [store.put(frame) for frame in frames]
    windows = [slots[start : start + TINY_FRAMES] for start in range(5)] + [[slots[0], slots[0], slots[8], slots[2]]]
    batched = store.encode(windows).result()
    for window, embedding in zip(windows, batched, strict=True):
        alone = encoder.encode(np.stack([frames[slots.index(slot)] for slot in window]))
        np.testing.assert_allclose(embedding.mean, alone.mean, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_max_ulp(embedding.temporal, alone.temporal, maxulp=1)


def test_frames_that_are_under_way_may_be_dropped(folder: Path, frames: UInt8) -> None:
    """What fills a slot afterwards does not change the window before."""
    encoder = VJepa2Encoder(folder, TINY_FRAMES)
    store = encoder.frame_store()
    slots = [store.put(frame) for frame in frames[:TINY_FRAMES]]
    under_way = store.encode([slots])
    for slot in slots:
        store.drop(slot)
    for frame in frames[-TINY_FRAMES:]:
        store.put(frame)
    np.testing.assert_array_equal(under_way.result()[0].mean, encoder.encode(frames[:TINY_FRAMES]).mean)


def test_time_of_the_device_is_counted(folder: Path, frames: UInt8) -> None:
    """The facts say how long the device has worked on windows, all stores together; a CPU's time is the wall's."""
    encoder = VJepa2Encoder(folder, TINY_FRAMES)
    assert encoder.facts()["device_busy_s"] == 0.0
    began_at = time.perf_counter()
    encoder.encode(frames[:TINY_FRAMES])
    once = float(encoder.facts()["device_busy_s"])
    assert 0 < once <= time.perf_counter() - began_at
    encoder.encode(frames[:TINY_FRAMES])
    assert float(encoder.facts()["device_busy_s"]) > once


class FakeEvent:
    """A CUDA event of a stream that does each piece of work in two seconds, once it is let go."""

    stream_s = 0.0
    done = False

    def __init__(self, *, enable_timing: bool) -> None:
        assert enable_timing

    def record(self, _stream: object) -> None:
        self.at_s = FakeEvent.stream_s

    def query(self) -> bool:
        return FakeEvent.done

    def elapsed_time(self, end: "FakeEvent") -> float:
        return (end.at_s - self.at_s) * 1000


def test_time_on_cuda_is_the_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """On CUDA events say how long a batch took; what is under way is not waited for, and counts when it is done."""
    import torch

    from models.encoders.vjepa2.device_clock import DeviceClock

    monkeypatch.setattr(torch.cuda, "Event", FakeEvent)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: None)
    monkeypatch.setattr(FakeEvent, "stream_s", 0.0)
    monkeypatch.setattr(FakeEvent, "done", False)
    clock = DeviceClock(torch.device("cuda"))
    for _ in range(3):
        with clock.running():
            FakeEvent.stream_s += 2.0
    assert clock.busy_s == 0.0
    monkeypatch.setattr(FakeEvent, "done", True)
    assert clock.busy_s == pytest.approx(6.0)
    assert clock.busy_s == pytest.approx(6.0)


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_half_precision_stays_near(folder: Path, frames: UInt8, precision: Precision) -> None:
    """With half the bits an embedding points where the full one points: cosine at least 0.999."""
    window = frames[:TINY_FRAMES]
    half, full = (VJepa2Encoder(folder, TINY_FRAMES, bits).encode(window) for bits in (precision, None))
    assert half.temporal.dtype == np.float16
    assert cosine(half, full) >= 0.999


def test_float16_on_a_gpu_stays_near_float32(folder: Path, frames: UInt8) -> None:
    """The GPU's own way gives the same direction, and several batches may be under way."""
    import torch

    if not torch.cuda.is_available():
        pytest.skip("this machine has no CUDA")
    windows = [frames[start : start + TINY_FRAMES] for start in range(5)]
    full, half = (VJepa2Encoder(folder, TINY_FRAMES, bits) for bits in ("float32", "float16"))
    store = half.frame_store()
    slots = [store.put(frame) for frame in frames]
    batches = [store.encode([slots[start : start + TINY_FRAMES]]) for start in range(5)]
    for window, batch in zip(windows, batches, strict=True):
        assert cosine(batch.result()[0], full.encode(window)) >= 0.999


def test_a_gpu_agrees_with_the_plain_model(tmp_path: Path) -> None:
    """On CUDA the embedding of a full window points where transformers' own model in float32 points."""
    import torch

    if not torch.cuda.is_available():
        pytest.skip("this machine has no CUDA")
    make_torchvision_importable()
    from transformers import VJEPA2Model

    saved = save_random_vjepa2(tmp_path / "model", "random-small")
    window = np.stack([textured_frame(256, 256, seed=seed) for seed in range(FRAMES)])
    loaded: Any = VJEPA2Model.from_pretrained(saved, dtype=torch.float32)
    plain = loaded.to("cuda").eval()
    pixels = hf_processor()(window, return_tensors="pt", do_resize=False, do_center_crop=False)["pixel_values_videos"]
    with torch.inference_mode():
        tokens = plain(pixel_values_videos=pixels.to("cuda"), skip_predictor=True).last_hidden_state[0]
    temporal = tokens.unflatten(0, (FRAMES // 2, -1)).mean(dim=1)
    expected = ClipEmbedding(tokens.mean(dim=0).cpu().numpy(), temporal.half().cpu().numpy())
    embedding = VJepa2Encoder(saved).encode(window)
    assert cosine(embedding, expected) >= 0.999


def cosine(one: ClipEmbedding, other: ClipEmbedding) -> float:
    """Of the flattened temporal tokens, as a detector takes it."""
    a: Float32
    a, b = (embedding.temporal.astype(np.float32).ravel() for embedding in (one, other))
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
