"""The exported encoder gives what the model gives, and says what it is."""

import json
import logging
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from models.encoders.encoder import UInt8
from models.encoders.onnx.encoder import OnnxEncoder, Provider
from models.encoders.onnx.export import export_onnx
from models.encoders.onnx.facts import read_facts
from models.encoders.table import choose, make_encoder
from models.encoders.vjepa2.encoder import VJepa2Encoder
from models.errors import ModelUnavailableError
from models.memory.gpu import Gpu
from models.memory.vram import GIB
from models.weights.weights import weights_sha256
from stream.config import Options
from stream.runtime import gpu_budget
from tests.support.made_once import MadeOnce
from tests.support.tiny_models import TINY_DIMS, TINY_FRAMES, save_tiny_vjepa2, textured_frame


@pytest.fixture(scope="module")
def model(made_once: MadeOnce) -> Path:
    """A small random V-JEPA 2 on disk."""
    return made_once("onnx_model", save_tiny_vjepa2)


@pytest.fixture(scope="module")
def exported(model: Path, made_once: MadeOnce) -> Path:
    """It as an ONNX file."""
    name = "encoder.onnx"
    return made_once("onnx", lambda folder: export_onnx(model, folder / name, frames=TINY_FRAMES)) / name


@pytest.fixture
def file(exported: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return shutil.copytree(exported.parent, tmp_path / "copy") / exported.name


@pytest.fixture(scope="module")
def frames() -> UInt8:
    return np.stack([textured_frame(256, 256, seed=seed) for seed in range(TINY_FRAMES + 2)])


def test_equal_to_torch(model: Path, exported: Path, frames: UInt8) -> None:
    """On the CPU to 1e-4, for batches of any size."""
    onnx, torch = OnnxEncoder(exported, TINY_FRAMES, "cpu"), VJepa2Encoder(model, TINY_FRAMES)
    store = onnx.frame_store()
    slots = [store.put(frame) for frame in frames]
    batch = store.encode([slots[start : start + TINY_FRAMES] for start in range(3)]).result()
    for start, embedding in enumerate(batch):
        expected = torch.encode(frames[start : start + TINY_FRAMES])
        np.testing.assert_allclose(embedding.mean, expected.mean, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_max_ulp(embedding.temporal, expected.temporal, maxulp=1)
    np.testing.assert_allclose(onnx.encode(frames[:TINY_FRAMES]).mean, batch[0].mean, rtol=1e-4, atol=1e-5)


def test_half_precision(model: Path, frames: UInt8, tmp_path: Path) -> None:
    """A float16 file is smaller, says so, and stays near."""
    out = tmp_path / "half.onnx"
    export_onnx(model, out, frames=TINY_FRAMES, precision="float16")
    encoder = OnnxEncoder(out, TINY_FRAMES)
    assert encoder.facts()["dtype"] == "float16"
    window = frames[:TINY_FRAMES]
    np.testing.assert_allclose(
        encoder.encode(window).mean, VJepa2Encoder(model, TINY_FRAMES).encode(window).mean, atol=2e-3
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["half.json", "half.onnx", "half.onnx.data"]


def test_facts_name_the_model_and_the_provider(model: Path, exported: Path) -> None:
    """A record can tell which weights ran, where, and through what."""
    encoder = make_encoder("vjepa2", frames=TINY_FRAMES, onnx=exported)
    facts = encoder.facts()
    assert encoder.name == f"vjepa2:{model.name}"
    assert (facts["weights_sha256"], facts["dims"]) == (weights_sha256(model), TINY_DIMS)
    assert "CPUExecutionProvider, opset 20" in str(facts["runtime"])
    assert "fell_back_from" not in facts


def test_a_provider_that_does_not_work_is_named(
    exported: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where ONNX Runtime promises a GPU and cannot use it, the next one runs, and log and record say so."""
    import onnxruntime

    promised = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: promised)
    with caplog.at_level(logging.WARNING), pytest.warns(UserWarning, match="CUDAExecutionProvider"):
        encoder = OnnxEncoder(exported, TINY_FRAMES)
    assert encoder.facts()["fell_back_from"] == "CUDAExecutionProvider"
    assert "could not use CUDAExecutionProvider" in caplog.text
    with pytest.warns(UserWarning, match="CUDA"), pytest.raises(ModelUnavailableError, match=r"cannot run .* on CUDA"):
        OnnxEncoder(exported, TINY_FRAMES, "cuda")


@pytest.mark.filterwarnings("ignore:Specified provider 'CUDA:UserWarning")
@pytest.mark.parametrize(("provider", "calls"), [("auto", 1), ("cuda", 1), ("cpu", 0)])
def test_libraries_of_cuda_are_loaded_where_they_are_wanted(
    exported: Path, provider: Provider, calls: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """NVIDIA's libraries lie in Python packages: they are loaded before the session that needs them, and quietly.

    That CUDA then works has not been seen: this needs a GPU.
    """
    loaded: list[str] = []

    def preload() -> None:
        sys.stdout.write("Failed to load libcublas")
        loaded.append("all")

    promised = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: promised)
    monkeypatch.setattr("onnxruntime.preload_dlls", preload)
    with suppress(ModelUnavailableError):
        OnnxEncoder(exported, TINY_FRAMES, provider)
    assert len(loaded) == calls
    assert "libcublas" not in "".join(capfd.readouterr())


def test_share_of_the_memory_goes_to_the_providers(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA's arena and TensorRT's workspace are bounded by what the runtime may take; without a bound by nothing."""
    import onnxruntime

    class FakeSession:
        def __init__(self, _file: Path, _options: object, providers: list[tuple[str, dict[str, str]]]) -> None:
            self.providers = dict(providers)

        def get_providers(self) -> list[str]:
            return list(self.providers)

    available = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: available)
    monkeypatch.setattr(onnxruntime, "InferenceSession", FakeSession)
    bounded = OnnxEncoder(exported, TINY_FRAMES, memory_bytes=3 << 30)._session.providers
    assert bounded["TensorrtExecutionProvider"]["trt_max_workspace_size"] == str(3 << 30)
    cuda = {"arena_extend_strategy": "kSameAsRequested", "gpu_mem_limit": str(3 << 30)}
    assert bounded["CUDAExecutionProvider"] == cuda
    free = OnnxEncoder(exported, TINY_FRAMES)._session.providers
    assert "gpu_mem_limit" not in free["CUDAExecutionProvider"]


def test_full_memory_halves_the_batch(exported: Path, frames: UInt8, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that ONNX Runtime has no memory for is done in halves, and that counted; a single window is an error."""
    from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException

    encoder = OnnxEncoder(exported, TINY_FRAMES, "cpu")
    run, fits = encoder._session.run, [2]

    class Small:
        def run(self, names: list[str], feed: dict[str, UInt8]) -> object:
            if len(feed["frames"]) > fits[0]:
                raise RuntimeException("BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer")
            return run(names, feed)

    monkeypatch.setattr(encoder, "_session", Small())
    store = encoder.frame_store()
    slots = [store.put(frame) for frame in frames]
    embeddings = store.encode([slots[start : start + TINY_FRAMES] for start in (0, 1, 2, 0)]).result()
    np.testing.assert_array_equal(embeddings[0].mean, embeddings[3].mean)
    assert encoder.facts()["memory_halvings"] == 1
    assert float(encoder.facts()["device_busy_s"]) > 0
    fits[0] = 0
    with pytest.raises(MemoryError, match=r"encoder\.onnx does not fit into the device's memory"):
        encoder.encode(frames[:TINY_FRAMES])


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_provider_that_is_not_there_is_refused(exported: Path, provider: str) -> None:
    """Who asks for a GPU does not get a CPU in silence."""
    with pytest.raises(ModelUnavailableError, match=r"install onnxruntime-gpu .* or give --onnx-provider cpu"):
        OnnxEncoder(exported, TINY_FRAMES, provider)  # type: ignore[arg-type]  # both are


def test_other_windows_are_refused(exported: Path) -> None:
    """A file for other windows is found before the run begins."""
    with pytest.raises(ModelUnavailableError, match=r"takes windows of 4 frames, not of 64: .* --frames 64"):
        choose("vjepa2", onnx=exported)


def test_other_weights_are_refused(exported: Path, tmp_path: Path) -> None:
    """A file that was made of other weights than those that are named is refused; without a name it is taken."""
    other = save_tiny_vjepa2(tmp_path / "other", seed=1)
    with pytest.raises(ModelUnavailableError, match="was exported from other weights"):
        choose("auto", other, frames=TINY_FRAMES, onnx=exported)
    assert choose("auto", frames=TINY_FRAMES, onnx=exported).encoder_px == 256


def test_frames_of_another_size_fit_their_own_file(tmp_path: Path) -> None:
    """The size of the frames is the exported model's own, for the rectifier too."""
    model = save_tiny_vjepa2(tmp_path / "small", encoder_px=64)
    export_onnx(model, tmp_path / "small.onnx", frames=2)
    choice = choose("vjepa2", model, frames=2, onnx=tmp_path / "small.onnx")
    encoder = OnnxEncoder(tmp_path / "small.onnx", 2)
    assert choice.encoder_px == encoder.encoder_px == 64
    with pytest.raises(ValueError, match=r"expected \(2, 64, 64, 3\) uint8"):
        encoder.encode(np.zeros((2, 256, 256, 3), np.uint8))


@pytest.mark.parametrize("name", ["encoder.onnx", "encoder.onnx.data"])
def test_damaged_files_are_refused(file: Path, name: str) -> None:
    """A copy that broke off is an error that names the file."""
    part = file.parent / name
    part.write_bytes(part.read_bytes()[:-100])
    with pytest.raises(ModelUnavailableError, match=f"{name} is damaged or incomplete"):
        OnnxEncoder(file, TINY_FRAMES)


def test_missing_or_foreign_facts_are_refused(file: Path) -> None:
    """Without its JSON nobody knows what a file is; neither with another's."""
    path = file.with_suffix(".json")
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "frames": "four"}))
    with pytest.raises(ModelUnavailableError, match="does not describe an exported encoder: frames"):
        read_facts(file)
    path.write_text(json.dumps({**facts, "files_sha256": {"other.onnx": "0" * 64}}))
    with pytest.raises(ModelUnavailableError, match=r"does not describe encoder\.onnx, but other\.onnx"):
        OnnxEncoder(file, TINY_FRAMES)
    path.unlink()
    with pytest.raises(ModelUnavailableError, match=r"cannot be read .* export both with"):
        choose("vjepa2", onnx=file)


def test_the_grid_has_no_onnx(exported: Path) -> None:
    """An option that would be ignored is an error."""
    with pytest.raises(ValueError, match="grid encoder is not run by ONNX Runtime"):
        choose("grid", onnx=exported)


def test_onnx_runtime_has_a_share(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The VRAM budget includes an exported encoder without --encoder-model; on the CPU it takes no VRAM."""
    monkeypatch.setattr(gpu_budget, "find_gpu", lambda: Gpu("A card", 24 * GIB, 20 * GIB))
    options = Options(source="clip.mp4").replace(
        {"encoder.name": "vjepa2", "encoder.runtime": "onnx", "encoder.onnx": exported}
    )
    settled = gpu_budget.with_budget(options)
    assert (settled.machine.vram_budget_gib, settled.encoder.batch) == (19.0, 1)
    need = gpu_budget.shares(settled)["encode"].need
    shape = read_facts(exported).shape
    assert need.weights_bytes == 4 * shape.parameters
    assert need.each_bytes > shape.activation_bytes(4, 4)
    assert gpu_budget.needs(options.replace({"encoder.onnx_provider": "cpu"})) == {}
