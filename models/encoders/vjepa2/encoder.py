"""V-JEPA 2 (arXiv:2506.09985), Meta's video encoder, run by transformers."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from models.encoders.encoder import (
    ENCODER_PX,
    FRAMES,
    TUBELET_FRAMES,
    ClipEmbedding,
    EncoderFacts,
    UInt8,
    check_frame_count,
    check_window,
)
from models.encoders.spec import EncoderProfile, EncoderSpec, RandomSize
from models.encoders.vjepa2.cost import encoder_need, encoder_shape
from models.errors import ModelUnavailableError
from models.memory.adaptive_batch import AdaptiveBatch
from models.packages import make_torchvision_importable, require_packages
from models.weights.weights import identity, read_json, weights_sha256

if TYPE_CHECKING:
    import torch

    from models.encoders.vjepa2.device_store import DeviceFrameStore
    from models.encoders.vjepa2.graph import WindowGraph

BATCH_MAX: Final = 64
"""Maximum number of windows encoded at a time."""
HUB_NAME: Final = "facebook/vjepa2-vitl-fpc64-256@b3c1679b7c34d3255ef3547f27c7b226aefab26f"
PACKAGES: Final = ("torch", "transformers", "safetensors", "huggingface_hub")
Precision = Literal["float32", "float16", "bfloat16"]
_IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
_IMAGENET_STD: Final = (0.229, 0.224, 0.225)
_PREPROCESSORS: Final = ("video_preprocessor_config.json", "preprocessor_config.json")


class VJepa2Encoder:
    """The encoder of a V-JEPA 2 checkpoint, without its predictor.

    It runs in float16 on CUDA (three more mantissa bits than bfloat16) and in float32 on the CPU. Attention is
    PyTorch's ``scaled_dot_product_attention``, which has its own flash kernel in half precision, so the separate
    flash-attn package is not needed. Frames are expected in the geometry of transformers' ``VJEPA2VideoProcessor``: the
    picture's shortest edge scaled to int(encoder_px * 256 / 224), then a centre crop of ``encoder_px``, its offset
    rounded down.
    """

    def __init__(self, folder: Path, frames: int = FRAMES, precision: Precision | None = None) -> None:
        """Load the model in ``folder``; nothing is downloaded.

        Raises:
            ValueError: ``frames`` is odd or not positive.
            ModelUnavailableError: a package is missing, or the folder does not hold a complete V-JEPA 2.
            MemoryError: it does not fit into the device's memory.
        """
        self.frames: Final = check_frame_count(frames)
        require_packages(PACKAGES, extra="vjepa")
        self._model, self._revision = identity(folder)
        self.name: Final = f"vjepa2:{self._model}"

        import torch

        from models.encoders.vjepa2.device_clock import DeviceClock

        cuda = torch.cuda.is_available()
        self._device = torch.device("cuda" if cuda else "cpu")
        self._precision = precision or ("float16" if cuda else "float32")
        self._graph = load_graph(folder, frames, self._precision, self._device)
        self._sha256 = weights_sha256(folder)
        self.encoder_px: Final = self._graph.encoder_px
        self._batch: Final = AdaptiveBatch(BATCH_MAX)
        self._clock: Final = DeviceClock(self._device)

    def facts(self) -> EncoderFacts:
        import torch
        import transformers

        cuda = self._device.type == "cuda"
        return {
            "model": self._model,
            "revision": self._revision,
            "weights_sha256": self._sha256,
            "dtype": self._precision,
            "device": torch.cuda.get_device_name(self._device) if cuda else "cpu",
            "runtime": f"torch {torch.__version__}, transformers {transformers.__version__}, sdpa",
            "frames": self.frames,
            "dims": self._graph.dims,
            "memory_halvings": self._batch.halvings,
            "device_busy_s": round(self._clock.busy_s, 6),
        }

    def encode(self, window: UInt8) -> ClipEmbedding:
        check_window(window, self.frames, self.encoder_px)
        store = self.frame_store()
        return store.encode([[store.put(frame) for frame in window]]).result()[0]

    def frame_store(self) -> "DeviceFrameStore":
        from models.encoders.vjepa2.device_store import DeviceFrameStore

        return DeviceFrameStore(self._graph, self._device, self.frames, self.encoder_px, self._batch, self._clock)


def load_graph(folder: Path, frames: int, precision: Precision, device: "torch.device") -> "WindowGraph":
    """Load the model in ``folder`` to its device, as a graph from bytes to embedding.

    Raises:
        ModelUnavailableError: the folder does not hold a complete V-JEPA 2.
        MemoryError: it does not fit into the device's memory.
    """
    check_architecture(folder)
    mean, std = _normalisation(folder)
    make_torchvision_importable()

    import torch

    from models.encoders.vjepa2.checkpoint import load_encoder
    from models.encoders.vjepa2.graph import WindowGraph

    encoder = load_encoder(folder, getattr(torch, precision), device)
    with torch.no_grad():
        return WindowGraph(encoder, frames, mean, std)


def check_architecture(folder: Path) -> None:
    """Check that ``config.json`` describes a V-JEPA 2 that gives one token for every two frames.

    Raises:
        ModelUnavailableError: it describes another model, or cannot be read.
    """
    config = read_json(folder / "config.json")
    kind = config.get("model_type")
    if kind != "vjepa2":
        raise ModelUnavailableError(f"the model in {folder} is of type {kind!r}, expected 'vjepa2'")
    tubelet = config.get("tubelet_size", TUBELET_FRAMES)
    if tubelet != TUBELET_FRAMES:
        raise ModelUnavailableError(
            f"the model in {folder} has tubelets of {tubelet!r} frames, expected {TUBELET_FRAMES}"
        )


def encoder_px(folder: Path) -> int:
    """Side of the frames that the model in ``folder`` expects, read without loading it.

    Raises:
        ModelUnavailableError: its ``config.json`` cannot be read, or its ``crop_size`` is out of range.
    """
    side = read_json(folder / "config.json").get("crop_size", ENCODER_PX)
    if not isinstance(side, int) or not 16 <= side <= 4096:
        raise ModelUnavailableError(f"the model in {folder} has crop_size {side!r}, expected 16 to 4096 pixels")
    return side


def _normalisation(folder: Path) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel on a 0-1 scale: the checkpoint's own, or else ImageNet's."""
    for name in _PREPROCESSORS:
        if (folder / name).is_file():
            settings = read_json(folder / name)
            mean = _colour(folder / name, "image_mean", settings.get("image_mean", _IMAGENET_MEAN))
            std = _colour(folder / name, "image_std", settings.get("image_std", _IMAGENET_STD))
            if min(std) <= 0:
                raise ModelUnavailableError(f"image_std in {folder / name} is {std}, expected positive numbers")
            return mean, std
    return _IMAGENET_MEAN, _IMAGENET_STD


def _colour(path: Path, key: str, value: object) -> tuple[float, ...]:
    match value:
        case [int() | float(), int() | float(), int() | float()] if all(map(math.isfinite, value)):
            return tuple(map(float, value))
        case _:
            raise ModelUnavailableError(f"{key} in {path} is {value!r}, expected three finite numbers")


def _load(folder: Path | None, frames: int) -> VJepa2Encoder:
    return VJepa2Encoder(_required(folder), frames)


def _profile(folder: Path | None, frames: int) -> EncoderProfile:
    folder = _required(folder)
    check_architecture(folder)
    shape = encoder_shape(folder)
    return EncoderProfile(shape.dims, encoder_px(folder), shape.flop(frames), encoder_need(shape, frames))


def _save_random(folder: Path, size: RandomSize) -> Path:
    from models.encoders.vjepa2.random_weights import save_random_vjepa2

    return save_random_vjepa2(folder, size)


def _required(folder: Path | None) -> Path:
    if folder is None:
        raise ModelUnavailableError("V-JEPA 2 needs the folder of its weights, and none was given")
    return folder


SPEC: Final = EncoderSpec(
    load=_load,
    profile=_profile,
    default_model=HUB_NAME,
    packages=PACKAGES,
    extra="vjepa",
    exports_onnx=True,
    save_random=_save_random,
)
