"""What a detector gets of a clip: a row of windows, from whichever encoder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stream.detection.centroid import unit_vector
from stream.pipeline.items import Float64


class Usable(NamedTuple):
    """The windows that have a direction."""

    t_s: Float64
    """(M,) starts, seconds."""
    units: Float64
    """(M, D), each of length 1."""


@dataclass(frozen=True, slots=True)
class EmbeddingSeries:
    """The N windows of one clip as one encoder tells them, in order of time."""

    t_start_s: Sequence[float]
    known_s: Sequence[float]
    """Stream time at which each window was known."""
    vectors: Sequence[npt.NDArray[np.floating[Any]]]
    """Of one shape, whichever; not normalised."""
    duration_s: float
    """Of the clip."""

    def units(self) -> Iterator[Float64 | None]:
        """Each window's unit vector (D,), None where it is zero or not finite."""
        return map(unit_vector, self.vectors)

    def usable(self) -> Usable:
        """All unit vectors at once."""
        pairs = [(t_s, unit) for t_s, unit in zip(self.t_start_s, self.units(), strict=True) if unit is not None]
        return Usable(np.array([t_s for t_s, _ in pairs]), np.array([unit for _, unit in pairs]))
