"""Depth models of transformers: Depth Anything, Depth Pro, ZoeDepth, DPT and GLPN, from a folder or the hub's cache."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from models.depth.conversion import depth_of, from_canonical_inverse, from_relative_inverse
from models.depth.depth import Depth, ModelFacts
from models.errors import ModelUnavailableError
from models.memory.adaptive_batch import AdaptiveBatch
from models.memory.oom import full_memory_as_memory_error
from models.packages import make_torchvision_importable, require_packages
from models.weights.licence import licence_of
from models.weights.loading import load_pretrained, silent_transformers, unloadable_as_unavailable
from models.weights.weights import identity, read_json, weights_sha256

if TYPE_CHECKING:
    import torch

PACKAGES: Final = ("torch", "torchvision", "transformers", "safetensors", "huggingface_hub")
EXTRA: Final = "depth"
_BATCH_MAX: Final = 8
_Float32: TypeAlias = npt.NDArray[np.float32]
_Size: TypeAlias = tuple[int, int]
"""Height and width of a picture."""


class PretrainedDepth:
    """A depth model in the format of ``save_pretrained``, in float32, on the GPU if there is one.

    Depth Pro takes the known focal length in place of its own estimate. The other metric models take no camera: their
    metres suppose a camera like the one of their training pictures.
    """

    def __init__(self, folder: Path) -> None:
        """Load the model in ``folder``; nothing is downloaded.

        Raises:
            ModelUnavailableError: a package is missing, or the folder holds no complete depth model of a known kind.
            MemoryError: it does not fit into the device's memory.
        """
        require_packages(PACKAGES, extra=EXTRA)
        self._read: Final = _reader_of(folder)
        make_torchvision_importable()

        import torch
        from transformers import AutoImageProcessor, AutoModelForDepthEstimation

        self._device: Final = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        processors: Any = AutoImageProcessor
        with unloadable_as_unavailable(folder), silent_transformers():
            self._processor: Any = processors.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        with full_memory_as_memory_error():
            loaded = load_pretrained(AutoModelForDepthEstimation, folder, dtype=torch.float32)
            self._model: Any = loaded.eval().to(self._device)
        name, revision = identity(folder)
        self._facts: Final = ModelFacts(name, revision, licence_of(folder), weights_sha256(folder))
        self._batch: Final = AdaptiveBatch(_BATCH_MAX)

    @property
    def facts(self) -> ModelFacts:
        return self._facts

    def estimate(self, pictures: Sequence[npt.NDArray[np.uint8]], k: npt.NDArray[np.float64] | None) -> list[Depth]:
        """The depth of pictures of one camera.

        Raises:
            ModelUnavailableError: the model needs the camera matrix, and ``k`` is None.
            MemoryError: not even one picture fits into the device's memory.
        """
        with full_memory_as_memory_error():
            return list(self._batch.run(pictures, lambda batch: self._estimate_batch(batch, k)))

    def _estimate_batch(
        self, pictures: Sequence[npt.NDArray[np.uint8]], k: npt.NDArray[np.float64] | None
    ) -> list[Depth]:
        import torch

        inputs = self._processor(images=list(pictures), return_tensors="pt", input_data_format="channels_last")
        with torch.inference_mode():
            outputs = self._model(pixel_values=inputs["pixel_values"].to(self._device))
        sizes = [(picture.shape[0], picture.shape[1]) for picture in pictures]
        return self._read(self._processor, outputs, sizes, k)


_Reader: TypeAlias = Callable[[Any, Any, list[_Size], npt.NDArray[np.float64] | None], list[Depth]]
"""Makes depth of a model's output: its processor, the output, the sizes of the pictures, the camera matrix."""


def _reader_of(folder: Path) -> _Reader:
    """How to read the output of the model in ``folder``, by its configuration alone."""
    config = read_json(folder / "config.json")
    kind = str(config.get("model_type"))
    if kind == "depth_anything":
        kind += f":{config.get('depth_estimation_type', 'relative')}"
    if kind not in _READERS:
        raise ModelUnavailableError(
            f"the model in {folder} is of type {kind!r}, expected a depth model, one of {', '.join(_READERS)}"
        )
    return _READERS[kind]


def _metres(processor: Any, outputs: Any, sizes: list[_Size], _: object) -> list[Depth]:  # noqa: ANN401
    return [depth_of(z, "metre") for z in _resized(processor, outputs, target_sizes=sizes)]


def _zoe_metres(processor: Any, outputs: Any, sizes: list[_Size], _: object) -> list[Depth]:  # noqa: ANN401
    """The processor pads the pictures; it is told their sizes to take the padding off."""
    return [depth_of(z, "metre") for z in _resized(processor, outputs, source_sizes=sizes)]


def _relative(processor: Any, outputs: Any, sizes: list[_Size], _: object) -> list[Depth]:  # noqa: ANN401
    return [from_relative_inverse(inverse) for inverse in _resized(processor, outputs, target_sizes=sizes)]


def _depth_pro(_: Any, outputs: Any, sizes: list[_Size], k: npt.NDArray[np.float64] | None) -> list[Depth]:  # noqa: ANN401
    from torch.nn.functional import interpolate

    fields_of_view = outputs.field_of_view
    if k is None and fields_of_view is None:
        raise ModelUnavailableError("this Depth Pro cannot estimate the field of view: give the camera's intrinsics")
    depths = []
    for index, (height, width) in enumerate(sizes):
        canonical = outputs.predicted_depth[index][None, None]
        scaled = interpolate(canonical, size=(height, width), mode="bilinear", align_corners=False)
        focal_px = float(k[0, 0]) if k is not None else _focal_px(float(fields_of_view[index]), width)
        depths.append(from_canonical_inverse(_array(scaled[0, 0]), focal_px, width))
    return depths


def _resized(processor: Any, outputs: Any, **sizes: list[_Size]) -> list[_Float32]:  # noqa: ANN401
    results = processor.post_process_depth_estimation(outputs, **sizes)
    return [_array(result["predicted_depth"]) for result in results]


def _focal_px(field_of_view_deg: float, width_px: int) -> float:
    if not 1 <= field_of_view_deg < 180:
        raise ModelUnavailableError(
            f"Depth Pro estimates a field of view of {field_of_view_deg:.1f} degrees, which no camera has: give the "
            "camera's intrinsics"
        )
    return float(0.5 * width_px / np.tan(0.5 * np.deg2rad(field_of_view_deg)))


def _array(tensor: "torch.Tensor") -> _Float32:
    return np.asarray(tensor.float().cpu().numpy(), np.float32)


_READERS: Final[dict[str, _Reader]] = {
    "depth_anything:metric": _metres,
    "depth_anything:relative": _relative,
    "depth_pro": _depth_pro,
    "dpt": _relative,
    "glpn": _metres,
    "zoedepth": _zoe_metres,
}
"""By the configuration's ``model_type``, for Depth Anything with its ``depth_estimation_type``."""
