"""LaMa (arXiv:2109.07161) as an ONNX file, run by ONNX Runtime."""

from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from models.depth.depth import ModelFacts
from models.errors import ModelUnavailableError
from models.onnx_session import open_session
from models.packages import require_packages
from models.weights.digest import remembered_sha256
from models.weights.licence import licence_of

PACKAGES: Final = ("onnxruntime",)
_MULTIPLE_PX: Final = 8
"""LaMa halves the picture three times."""


class LamaInpainter:
    """Paints holes by LaMa. It takes no text and no seed: the same picture always gives the same result.

    The graph is as it is usually exported: the inputs ``image``, (1, 3, h, w) RGB from 0 to 1, and ``mask``,
    (1, 1, h, w), 1 in holes, both float32; one output, (1, 3, h, w) from 0 to 255. A graph of fixed size gets the whole
    picture in that size, another one the picture itself, continued to a multiple of 8 pixels.
    """

    def __init__(self, file: Path) -> None:
        """Load ``file``. Its licence is that of a model card, README.md, beside it.

        Raises:
            ModelUnavailableError: a package or the file is missing, or the graph is none of LaMa's.
        """
        require_packages(PACKAGES, extra="onnx")
        self._session: Final = open_session(file)
        inputs = {each.name: each.shape for each in self._session.get_inputs()}
        if set(inputs) != {"image", "mask"}:
            raise ModelUnavailableError(f"{file} takes {', '.join(sorted(inputs))}, but LaMa takes image and mask")
        self._fixed_size: Final = _fixed_size(inputs["image"])
        self._facts: Final = ModelFacts(file.stem, None, licence_of(file.parent), remembered_sha256(file))

    @property
    def facts(self) -> ModelFacts:
        return self._facts

    def inpaint(
        self,
        picture: npt.NDArray[np.uint8],
        is_hole: npt.NDArray[np.bool_],
        prompt: str,  # noqa: ARG002 - of the protocol
        seed: int,  # noqa: ARG002
    ) -> npt.NDArray[np.uint8]:
        height, width = is_hole.shape
        hole = is_hole.astype(np.uint8)
        if self._fixed_size is None:
            pads = -height % _MULTIPLE_PX, -width % _MULTIPLE_PX
            painted = self._run(_continued(picture, *pads), _continued(hole, *pads))
            return np.ascontiguousarray(painted[:height, :width])
        small = cv2.resize(picture, self._fixed_size, interpolation=cv2.INTER_AREA)
        # a pixel that is partly a hole is one, or the colour of holes would run into the picture
        small_hole = cv2.resize(hole.astype(np.float32), self._fixed_size, interpolation=cv2.INTER_AREA) > 0
        painted = self._run(np.asarray(small, np.uint8), small_hole.astype(np.uint8))
        return np.asarray(cv2.resize(painted, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)

    def _run(self, picture: npt.NDArray[np.uint8], hole: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """A picture of a size that the graph takes, painted."""
        image = (picture / np.float32(255)).transpose(2, 0, 1)[None]
        feeds: dict[str, npt.NDArray[Any]] = {
            "image": np.ascontiguousarray(image, np.float32), "mask": hole[None, None].astype(np.float32),
        }  # fmt: skip
        (output,) = self._session.run(None, feeds)
        return np.ascontiguousarray(np.rint(np.asarray(output)[0].clip(0, 255)).astype(np.uint8).transpose(1, 2, 0))


def _fixed_size(shape: list[Any]) -> tuple[int, int] | None:
    """Width and height that a graph was exported for; None if it takes any."""
    height, width = shape[2:]
    return (width, height) if isinstance(height, int) and isinstance(width, int) else None


def _continued(values: npt.NDArray[np.uint8], down_px: int, across_px: int) -> npt.NDArray[np.uint8]:
    """The picture, mirrored beyond its lower and right edge."""
    return np.asarray(cv2.copyMakeBorder(values, 0, down_px, 0, across_px, cv2.BORDER_REFLECT), np.uint8)
