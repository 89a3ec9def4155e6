"""Depth models as ONNX files, run by ONNX Runtime: MoGe-2, Depth Anything 3 and others that transformers lacks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from models.depth.conversion import depth_of, from_canonical, from_points, from_relative_inverse
from models.depth.depth import Depth, ModelFacts
from models.depth.onnx_facts import DepthOnnxFacts, read_depth_facts
from models.errors import ModelUnavailableError
from models.onnx_session import open_session
from models.packages import require_packages
from models.weights.digest import remembered_sha256

PACKAGES: Final = ("onnxruntime",)


class OnnxDepth:
    """The depth model in an ONNX file; a JSON file beside it says what it takes and returns."""

    def __init__(self, file: Path) -> None:
        """Load ``file`` and the JSON file beside it.

        Raises:
            ModelUnavailableError: a package or a file is missing or invalid, or the graph lacks an input or output.
        """
        require_packages(PACKAGES, extra="onnx")
        self._about: Final[DepthOnnxFacts] = read_depth_facts(file)
        self._session: Final = open_session(file)
        _check(file, self._about, self._session)
        self._fixed_size: Final = _fixed_size(self._session, self._about.image_input)
        self._facts: Final = ModelFacts(
            self._about.model, self._about.revision, self._about.licence, remembered_sha256(file)
        )

    @property
    def facts(self) -> ModelFacts:
        return self._facts

    def estimate(self, pictures: Sequence[npt.NDArray[np.uint8]], k: npt.NDArray[np.float64] | None) -> list[Depth]:
        """The depth of pictures of one camera, one at a time.

        Raises:
            ModelUnavailableError: the model needs the camera matrix, and ``k`` is None.
        """
        if k is None and self._about.meaning in {"canonical", "points"}:
            raise ModelUnavailableError(f"{self._about.model} needs the camera's intrinsics, and none are known")
        return [self._estimate_one(picture, k) for picture in pictures]

    def _estimate_one(self, picture: npt.NDArray[np.uint8], k: npt.NDArray[np.float64] | None) -> Depth:
        about = self._about
        height, width = picture.shape[:2]
        network_width, network_height = self._fixed_size or _network_size(width, height, about)
        small = cv2.resize(picture, (network_width, network_height), interpolation=cv2.INTER_AREA)
        image = ((small / np.float32(255) - about.mean) / about.std).astype(np.float32)
        feeds: dict[str, npt.NDArray[Any]] = {about.image_input: np.ascontiguousarray(image.transpose(2, 0, 1)[None])}
        feeds |= {name: np.asarray(value, np.int64) for name, value in about.constants.items()}
        names = [output.name for output in self._session.get_outputs()]
        outputs = dict(zip(names, self._session.run(names, feeds), strict=True))
        depth = self._depth(outputs, k, network_width / width, network_height / height)
        return _enlarged(depth, width, height)

    def _depth(
        self, outputs: dict[str, npt.NDArray[Any]], k: npt.NDArray[np.float64] | None, across: float, down: float
    ) -> Depth:
        """The depth in the network's size, which is ``across`` and ``down`` times the picture's."""
        about = self._about
        values = np.asarray(outputs[about.depth_output], np.float32)[0].squeeze()
        is_valid = np.ones(values.shape[:2], np.bool_)
        if about.mask_output is not None:
            is_valid = np.asarray(outputs[about.mask_output])[0].squeeze() > 0.5
        scale = float(np.ravel(outputs[about.scale_output])[0]) if about.scale_output is not None else 1.0
        if about.meaning == "points" and k is not None:
            return from_points(values, _rays(k, across, down, is_valid.shape), is_valid, scale)
        if about.meaning == "canonical" and k is not None and about.canonical_focal_px is not None:
            focal_px = float(k[0, 0] * across + k[1, 1] * down) / 2
            depth = from_canonical(values * scale, focal_px, about.canonical_focal_px)
        elif about.meaning == "relative_inverse":
            depth = from_relative_inverse(values)
        else:
            depth = depth_of(values * scale, "metre")
        confidence = None
        if about.confidence_output is not None:
            confidence = np.asarray(outputs[about.confidence_output], np.float32)[0].squeeze()
        return Depth(depth.z, depth.is_valid & is_valid, depth.unit, confidence)


def _check(file: Path, about: DepthOnnxFacts, session: Any) -> None:  # noqa: ANN401  (the runtime has no types)
    inputs, outputs = ({each.name for each in group} for group in (session.get_inputs(), session.get_outputs()))
    if inputs != {about.image_input, *about.constants}:
        raise ModelUnavailableError(
            f"{file} takes {', '.join(sorted(inputs))}, and {file.stem}.json declares "
            f"{', '.join(sorted({about.image_input, *about.constants}))}"
        )
    declared = {about.depth_output, about.mask_output, about.confidence_output, about.scale_output} - {None}
    if missing := sorted(str(name) for name in declared - outputs):
        raise ModelUnavailableError(f"{file} returns {', '.join(sorted(outputs))}, and not {', '.join(missing)}")


def _fixed_size(session: Any, image_input: str) -> tuple[int, int] | None:  # noqa: ANN401
    """Width and height that a graph was exported for; None if it takes any."""
    (shape,) = (each.shape for each in session.get_inputs() if each.name == image_input)
    height, width = shape[2:]
    return (width, height) if isinstance(height, int) and isinstance(width, int) else None


def _network_size(width: int, height: int, about: DepthOnnxFacts) -> tuple[int, int]:
    factor = about.longest_px / max(width, height)
    multiple = about.multiple_px
    return (
        max(multiple, round(width * factor / multiple) * multiple),
        max(multiple, round(height * factor / multiple) * multiple),
    )


def _rays(k: npt.NDArray[np.float64], across: float, down: float, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """(h, w, 2): ``(u - cx) / fx`` and ``(v - cy) / fy`` of the pixels of a picture that was resized."""
    height, width = shape
    u = (np.arange(width) + 0.5) / across - 0.5
    v = (np.arange(height) + 0.5) / down - 0.5
    return np.stack(np.meshgrid((u - k[0, 2]) / k[0, 0], (v - k[1, 2]) / k[1, 1]), axis=-1)


def _enlarged(depth: Depth, width: int, height: int) -> Depth:
    """Depth in the picture's size: interpolated over pixels that are all valid, else that of the nearest one."""
    if depth.z.shape == (height, width):
        return depth
    mask = depth.is_valid.astype(np.float32)
    is_valid = _resized(mask, width, height, cv2.INTER_NEAREST_EXACT) > 0.5
    is_inside = _resized(mask, width, height, cv2.INTER_LINEAR) >= 1
    linear, nearest = (_resized(depth.z, width, height, each) for each in (cv2.INTER_LINEAR, cv2.INTER_NEAREST_EXACT))
    confidence = None if depth.confidence is None else _resized(depth.confidence, width, height, cv2.INTER_LINEAR)
    z = np.where(is_inside, linear, nearest)
    return Depth(np.where(is_valid, z, 0).astype(np.float32), is_valid, depth.unit, confidence)


def _resized(values: npt.NDArray[np.float32], width: int, height: int, interpolation: int) -> npt.NDArray[np.float32]:
    return np.asarray(cv2.resize(values, (width, height), interpolation=interpolation), np.float32)
