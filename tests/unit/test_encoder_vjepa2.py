"""V-JEPA 2: equal to transformers' own result, and clear about what is missing."""

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.encoders.encoder import UInt8
from models.encoders.vjepa2.encoder import VJepa2Encoder
from models.errors import ModelUnavailableError
from models.packages import make_torchvision_importable
from tests.support.tiny_models import TINY_DIMS, TINY_FRAMES, hf_frame, hf_processor, save_tiny_vjepa2, textured_frame

pytestmark = pytest.mark.slow  # it uses torch, whose import takes seconds


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random V-JEPA 2 on disk."""
    return save_tiny_vjepa2(tmp_path_factory.mktemp("saved"))


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may damage."""
    return shutil.copytree(saved, tmp_path / "model")


@pytest.fixture(scope="module")
def frames() -> UInt8:
    """Raw 1080p frames."""
    return np.stack([textured_frame(1920, 1080, seed=seed) for seed in range(TINY_FRAMES)])


@pytest.fixture(scope="module")
def window(frames: UInt8) -> UInt8:
    """The frames in the reference processor's geometry."""
    return np.stack([hf_frame(frame) for frame in frames])


def _tokens_by_transformers(folder: Path, frames: UInt8, **settings: Any) -> np.ndarray[Any, np.dtype[np.float32]]:  # noqa: ANN401
    """(T/2, 256, D): the published way, from raw frames through the processor and the whole model."""
    make_torchvision_importable()
    import torch
    from transformers import VJEPA2Model

    loaded: Any = VJEPA2Model.from_pretrained(folder, local_files_only=True)
    with torch.inference_mode():
        inputs = hf_processor()(frames, return_tensors="pt", **settings)
        tokens: np.ndarray[Any, np.dtype[np.float32]] = loaded(**inputs).last_hidden_state[0].numpy()
    return tokens.reshape(TINY_FRAMES // 2, 256, TINY_DIMS)


def test_equal_to_transformers_on_raw_frames(folder: Path, frames: UInt8, window: UInt8) -> None:
    """Frames of the reference geometry give what transformers gives for the raw 1080p frames, to 1e-5."""
    embedding = VJepa2Encoder(folder, TINY_FRAMES).encode(window)
    tokens = _tokens_by_transformers(folder, frames)
    np.testing.assert_allclose(embedding.mean, tokens.mean(axis=(0, 1)), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_max_ulp(embedding.temporal, tokens.mean(axis=1).astype(np.float16), maxulp=1)


def test_normalisation_is_that_of_the_checkpoint(folder: Path, frames: UInt8, window: UInt8) -> None:
    """Mean and deviation come from the preprocessor's file, not from a constant."""
    mean, std = [0.1, 0.2, 0.3], [0.5, 0.6, 0.7]
    settings = folder / "video_preprocessor_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "image_mean": mean, "image_std": std}))
    embedding = VJepa2Encoder(folder, TINY_FRAMES).encode(window)
    tokens = _tokens_by_transformers(folder, frames, image_mean=mean, image_std=std)
    np.testing.assert_allclose(embedding.mean, tokens.mean(axis=(0, 1)), rtol=1e-5, atol=1e-6)


def test_normalisation_without_a_file_is_imagenets(folder: Path, window: UInt8) -> None:
    """A checkpoint without a preprocessor's file was trained on ImageNet's mean and deviation."""
    with_file = VJepa2Encoder(folder, TINY_FRAMES).encode(window)
    (folder / "video_preprocessor_config.json").unlink()
    np.testing.assert_array_equal(VJepa2Encoder(folder, TINY_FRAMES).encode(window).mean, with_file.mean)


@pytest.mark.parametrize(
    ("size_px", "resized_px", "offset_px"),
    [
        ((1920, 1080), (519, 292), (131, 18)),
        ((456, 256), (520, 292), (132, 18)),
        ((640, 480), (389, 292), (66, 18)),
        ((1080, 1920), (292, 519), (18, 131)),
    ],
)
def test_reference_geometry(size_px: tuple[int, int], resized_px: tuple[int, int], offset_px: tuple[int, int]) -> None:
    """The reference frame is: shortest edge to 292, the other edge and the centre crop's offset rounded down."""
    from torch import from_numpy
    from torch.nn.functional import interpolate

    frame = textured_frame(*size_px)
    planes = from_numpy(frame).permute(2, 0, 1)[None]
    resized = interpolate(planes, size=resized_px[::-1], mode="bilinear", antialias=True)[0].permute(1, 2, 0).numpy()
    cropped, (left, top) = hf_frame(frame), offset_px
    assert _psnr_db(resized[top : top + 256, left : left + 256], cropped) > 50
    if left + 257 <= resized_px[0]:
        assert _psnr_db(resized[top : top + 256, left + 1 : left + 257], cropped) < 25


def test_reference_crop_is_exact() -> None:
    """A picture whose shortest edge is 292 already is cropped at (131, 18), bit by bit."""
    frame = textured_frame(519, 292)
    np.testing.assert_array_equal(hf_frame(frame), frame[18:274, 131:387])


def _psnr_db(ours: cv2.typing.MatLike, theirs: UInt8) -> float:
    return float(cv2.PSNR(np.ascontiguousarray(ours), np.ascontiguousarray(theirs)))


def test_predictor_is_not_needed(folder: Path, window: UInt8) -> None:
    """A checkpoint of the encoder alone loads and gives the same embedding."""
    from safetensors.numpy import load_file, save_file

    whole = VJepa2Encoder(folder, TINY_FRAMES).encode(window)
    weights = load_file(folder / "model.safetensors")
    encoder_only = {name: value for name, value in weights.items() if name.startswith("encoder.")}
    assert len(encoder_only) < len(weights)
    save_file(encoder_only, folder / "model.safetensors", metadata={"format": "pt"})
    np.testing.assert_array_equal(VJepa2Encoder(folder, TINY_FRAMES).encode(window).mean, whole.mean)


def test_facts_name_the_weights(folder: Path) -> None:
    """A record can tell which model ran: folder, hash, dtype, device and dimensions."""
    encoder = VJepa2Encoder(folder, TINY_FRAMES)
    facts = encoder.facts()
    assert encoder.name == "vjepa2:model"
    assert (facts["model"], facts["revision"], facts["dims"]) == ("model", "local", TINY_DIMS)
    assert len(str(facts["weights_sha256"])) == 64


def test_full_device_is_a_memory_error(folder: Path, window: UInt8, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the GPU's memory is full the error is Python's own for it, not torch's."""
    import torch

    encoder = VJepa2Encoder(folder, TINY_FRAMES)

    def overflow(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(encoder._graph, "forward", overflow)
    with pytest.raises(MemoryError, match="the GPU's memory is full"):
        encoder.encode(window)


def test_batch_that_does_not_fit_is_halved(folder: Path, window: UInt8, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the memory is full of three windows they are embedded one by one, alike and in order, and it is recorded."""
    import torch

    encoder = VJepa2Encoder(folder, TINY_FRAMES)
    store = encoder.frame_store()
    slots = [store.put(frame) for frame in window]
    windows = [slots, slots[::-1], slots]
    whole = store.encode(windows).result()
    forward = encoder._graph.forward

    def small_card(pixels: torch.Tensor) -> object:
        if len(pixels) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(pixels)

    monkeypatch.setattr(encoder._graph, "forward", small_card)
    halved = store.encode(windows).result()
    for one, other in zip(whole, halved, strict=True):
        np.testing.assert_allclose(one.mean, other.mean, rtol=1e-5, atol=1e-6)
    assert encoder.facts()["memory_halvings"] == 1


def _edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_wrong_architecture_is_refused(folder: Path) -> None:
    """A folder of another model is named as such, before anything is loaded."""
    _edit_config(folder, model_type="vit")
    with pytest.raises(ModelUnavailableError, match="is of type 'vit', expected 'vjepa2'"):
        VJepa2Encoder(folder, TINY_FRAMES)


def test_other_tubelets_are_refused(folder: Path) -> None:
    """A model whose tokens span another number of frames cannot give T/2 tokens."""
    _edit_config(folder, tubelet_size=4)
    with pytest.raises(ModelUnavailableError, match="tubelets of 4 frames, expected 2"):
        VJepa2Encoder(folder, TINY_FRAMES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_size": 2 * TINY_DIMS}, r"lacks \d+ weights of the shape in its config\.json, encoder\."),
        ({"hidden_size": "big"}, "cannot be loaded: .*'hidden_size'"),
        ({"num_attention_heads": 5}, "cannot be loaded: ValueError: The hidden size"),
        ({"hidden_act": "nothing"}, "cannot be loaded: KeyError: 'nothing'"),
    ],
)
def test_impossible_configurations_are_refused(
    folder: Path, capfd: pytest.CaptureFixture[str], change: dict[str, object], message: str
) -> None:
    """A configuration that its weights do not fit is one sentence, never random weights, and no report on stderr."""
    _edit_config(folder, **change)
    with pytest.raises(ModelUnavailableError, match=message) as caught:
        VJepa2Encoder(folder, TINY_FRAMES)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_code_in_the_folder_is_never_run(folder: Path, window: UInt8) -> None:
    """A checkpoint that brings its own model code loads as V-JEPA 2 all the same, without it."""
    _edit_config(folder, auto_map={"AutoModel": "theirs.Model"})
    (folder / "theirs.py").write_text("raise SystemExit('run')\n")
    assert VJepa2Encoder(folder, TINY_FRAMES).encode(window).mean.shape == (TINY_DIMS,)


def test_missing_encoder_weights_are_refused(folder: Path) -> None:
    """A checkpoint that lacks a layer is an error, never completed with random numbers."""
    from safetensors.numpy import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights = {name: value for name, value in weights.items() if not name.startswith("encoder.layer.1.")}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelUnavailableError, match=r"lacks 16 weights .*, encoder\.layer\.1\."):
        VJepa2Encoder(folder, TINY_FRAMES)


def test_truncated_weights_are_refused(folder: Path) -> None:
    """A file whose download broke off is an error that names the folder."""
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelUnavailableError, match="model cannot be loaded"):
        VJepa2Encoder(folder, TINY_FRAMES)


@pytest.mark.parametrize("change", [{"image_mean": [0.5]}, {"image_std": [0.2, 0.2, 0]}, {"image_mean": "grey"}])
def test_broken_normalisation_is_refused(folder: Path, change: dict[str, object]) -> None:
    """A mean or deviation that cannot be one is an error that names the file."""
    (folder / "video_preprocessor_config.json").write_text(json.dumps(change))
    with pytest.raises(ModelUnavailableError, match=r"video_preprocessor_config\.json is"):
        VJepa2Encoder(folder, TINY_FRAMES)


def test_odd_windows_are_refused(folder: Path) -> None:
    """Two frames share a token: an odd window cannot be encoded."""
    with pytest.raises(ValueError, match="window of 3 frames"):
        VJepa2Encoder(folder, 3)
