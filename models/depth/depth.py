"""The depth of a picture, and the protocol of what estimates it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

DepthUnit: TypeAlias = Literal["metre", "relative"]
"""``relative``: of one unknown scale, the same over the frames of one call at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Depth:
    """The depth of one picture of height H and width W."""

    z: npt.NDArray[np.float32]
    """(H, W) distance along the optical axis, in ``unit``; of no meaning where it is not valid."""
    is_valid: npt.NDArray[np.bool_]
    """(H, W); where it is valid, ``z`` is finite and greater than 0."""
    unit: DepthUnit
    confidence: npt.NDArray[np.float32] | None = None
    """(H, W) from 0 to 1; None if the source gives none."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the record of a derived picture says about a model that took part in it."""

    name: str
    revision: str | None
    licence: str | None
    """As its card or its folder states it; None if it does not."""
    sha256: str | None
    """Of its weights."""


class DepthEstimator(Protocol):
    """Estimates depth from pictures alone."""

    @property
    def facts(self) -> ModelFacts:
        """The model, for the record."""

    def estimate(self, pictures: Sequence[npt.NDArray[np.uint8]], k: npt.NDArray[np.float64] | None) -> list[Depth]:
        """The depth of pictures of one camera.

        Args:
            pictures: (H, W, 3) RGB, all of one size.
            k: (3, 3) camera matrix in pixels of these pictures; None if it is not known.

        Raises:
            ModelUnavailableError: the model needs the camera matrix, and ``k`` is None.
            MemoryError: not even one picture fits into the device's memory.
        """
