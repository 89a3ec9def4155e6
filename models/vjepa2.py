"""V-JEPA 2 (arXiv:2506.09985), Meta's video encoder, through transformers."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from logging import ERROR
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.encoder import FRAMES, TILE_PX, TUBELET_FRAMES, ClipEmbedding, Facts, UInt8, check_frames, check_tiles
from models.errors import ModelUnavailableError
from models.packages import make_torchvision_importable, require_packages
from models.weights import identity, read_json, weights_sha256

if TYPE_CHECKING:
    import torch
    from transformers.models.vjepa2.modeling_vjepa2 import VJEPA2Encoder

HUB_NAME: Final = "facebook/vjepa2-vitl-fpc64-256"
PACKAGES: Final = ("torch", "transformers", "safetensors", "huggingface_hub")
_IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
_IMAGENET_STD: Final = (0.229, 0.224, 0.225)
_PREPROCESSORS: Final = ("video_preprocessor_config.json", "preprocessor_config.json")


class VJepa2Encoder:
    """The encoder of a V-JEPA 2 checkpoint; its predictor is dropped.

    It runs in float16 on CUDA (three bits of mantissa more than bfloat16) and in float32 on the CPU. Tiles come in the
    geometry of transformers' ``VJEPA2VideoProcessor``: the picture's shortest edge scaled to int(tile_px * 256 / 224),
    then the square of ``tile_px`` at its centre, the offset rounded down.
    """

    def __init__(self, folder: Path, frames: int = FRAMES) -> None:
        """Load the model in ``folder``; nothing is fetched.

        Raises:
            ValueError: ``frames`` is odd or not positive.
            ModelUnavailableError: a package is missing, or the folder holds no whole V-JEPA 2.
            MemoryError: it does not fit into the device's memory.
        """
        self.frames: Final = check_frames(frames)
        require_packages(PACKAGES, extra="vjepa")
        check_architecture(folder)
        mean, std = _normalisation(folder)
        self._model, self._revision = identity(folder)
        self._sha256 = weights_sha256(folder)
        self.name: Final = f"vjepa2:{self._model}"

        import torch

        cuda = torch.cuda.is_available()
        self._device = torch.device("cuda" if cuda else "cpu")
        self._dtype = torch.float16 if cuda else torch.float32
        # Tiles are bytes: the processor's scaling by 1/255 is folded into its mean and deviation, as it does itself.
        self._mean = 255 * torch.tensor(mean, device=self._device).reshape(3, 1, 1)
        self._std = 255 * torch.tensor(std, device=self._device).reshape(3, 1, 1)
        self._encoder = _load(folder, self._dtype, self._device)
        self.tile_px: Final = self._encoder.config.crop_size
        self._dims = self._encoder.config.hidden_size

    def facts(self) -> Facts:
        import torch
        import transformers

        cuda = self._device.type == "cuda"
        return {
            "model": self._model,
            "revision": self._revision,
            "weights_sha256": self._sha256,
            "dtype": str(self._dtype).removeprefix("torch."),
            "device": torch.cuda.get_device_name(self._device) if cuda else "cpu",
            "runtime": f"torch {torch.__version__}, transformers {transformers.__version__}, sdpa",
            "frames": self.frames,
            "dims": self._dims,
        }

    def encode(self, tiles: UInt8) -> ClipEmbedding:
        import torch

        check_tiles(tiles, self.frames, self.tile_px)
        with torch.inference_mode(), _full_memory_as_memory_error():
            # torch.tensor copies: the tiles may lie in a read-only buffer, which torch cannot share.
            pixels = torch.tensor(np.ascontiguousarray(tiles)).to(self._device).permute(0, 3, 1, 2)
            video = ((pixels - self._mean) / self._std).to(self._dtype)
            tokens = self._encoder(pixel_values_videos=video[None]).last_hidden_state
            # Tokens run over time first, then over rows and columns.
            temporal = tokens.float().reshape(self.frames // TUBELET_FRAMES, -1, self._dims).mean(dim=1)
            mean = temporal.mean(dim=0)
            return ClipEmbedding(mean=mean.cpu().numpy(), temporal=temporal.cpu().numpy().astype(np.float16))


def check_architecture(folder: Path) -> None:
    """Make sure that ``config.json`` describes a V-JEPA 2 that gives one token for every two frames.

    Raises:
        ModelUnavailableError: it describes something else, or cannot be read.
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


def tile_px(folder: Path) -> int:
    """Side of the tiles that the model in ``folder`` was trained on, before it is loaded.

    Raises:
        ModelUnavailableError: its ``config.json`` cannot be read, or has no sane ``crop_size``.
    """
    side = read_json(folder / "config.json").get("crop_size", TILE_PX)
    if not isinstance(side, int) or not 16 <= side <= 4096:
        raise ModelUnavailableError(f"the model in {folder} has crop_size {side!r}, expected 16 to 4096 pixels")
    return side


def _normalisation(folder: Path) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of each colour, on the scale 0-1: the checkpoint's own, else ImageNet's."""
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


def _load(folder: Path, dtype: "torch.dtype", device: "torch.device") -> "VJEPA2Encoder":
    make_torchvision_importable()
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError
    from transformers import VJEPA2Model

    unloadable = (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError, StrictDataclassError)
    try:
        with _full_memory_as_memory_error(), _silent_transformers():
            loaded: Any = VJEPA2Model.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=dtype,
                attn_implementation="sdpa",
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
            model, report = loaded  # a pair, because of output_loading_info
            encoder: VJEPA2Encoder = model.encoder.to(device).eval()
    except unloadable as error:
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise ModelUnavailableError(f"the model in {folder} cannot be loaded: {reason}") from error
    _refuse_random_weights(folder, [*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])])
    return encoder


def _refuse_random_weights(folder: Path, not_loaded: list[str]) -> None:
    """transformers gives random numbers to weights that a checkpoint lacks, or has in another shape."""
    ours = sorted(key for key in not_loaded if key.startswith("encoder."))
    if ours:
        raise ModelUnavailableError(
            f"the model in {folder} lacks {len(ours)} weights of the shape in its config.json, {ours[0]} among them"
        )


@contextmanager
def _silent_transformers() -> Iterator[None]:
    """No progress bars and no loading reports on stderr: what matters in them is an error here."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity(ERROR)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers leaves it unannotated
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


@contextmanager
def _full_memory_as_memory_error() -> Iterator[None]:
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        raise MemoryError(f"V-JEPA 2 does not fit into the device's memory: {error}") from error
