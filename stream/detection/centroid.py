"""The running centroid of the usual work: a decaying sum of unit vectors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from stream.errors import InputError
from stream.pipeline.items import Float32, Float64
from stream.pipeline.stage import State
from stream.pipeline.state import take


def unit_vector(vector: npt.NDArray[np.floating]) -> Float64 | None:
    """``vector``, of any shape, flattened and L2-normalised; None if it is zero or not finite."""
    flat = np.ravel(vector).astype(np.float64)
    norm = float(np.linalg.norm(flat))
    if norm == 0 or not np.isfinite(norm):
        return None
    return flat / norm


def unit_rows(embeddings: npt.NDArray[np.floating]) -> Iterator[Float64]:
    """Yield the rows of (N, ...) embeddings as unit vectors (D,). Raises ``InputError`` for a zero or infinite row."""
    for row, vector in enumerate(embeddings):
        unit = unit_vector(vector)
        if unit is None:
            raise InputError(f"embedding {row} of {len(embeddings)} is zero or not finite: it has no direction")
        yield unit


class RunningCentroid:
    """The sum of all learned unit vectors, in constant memory: D float32 numbers.

    The mean cosine of a vector to all n learned ones is one dot product with their sum: x . (x_1 + ... + x_n) / n.
    Older vectors decay, so that the total weight never exceeds ``memory``.
    """

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._sum: Float32 = np.zeros(0, np.float32)
        self._weight = 0.0

    @property
    def weight(self) -> float:
        """Number of vectors that the sum represents, after decay."""
        return self._weight

    def score(self, unit: Float64) -> float:
        """1 - the mean cosine to the learned vectors, in [0, 2]; there must be one at least.

        Raises ``InputError`` if the vector's length differs from that of the learned ones.
        """
        if unit.shape != self._sum.shape:
            raise InputError(f"an embedding has {unit.size} values, but earlier ones have {self._sum.size}")
        return 1 - float(unit.astype(np.float32) @ self._sum) / self._weight

    def learn(self, unit: Float64) -> None:
        """Add a vector of the usual work."""
        if self._weight == 0:
            self._sum = np.zeros_like(unit, np.float32)
        elif self._weight > self._memory - 1:
            self._sum *= np.float32((self._memory - 1) / self._weight)
            self._weight = float(self._memory - 1)
        self._sum += unit.astype(np.float32)
        self._weight += 1

    def begin_with(self, total: Float32, count: int) -> None:
        """Begin with the sum of ``count`` vectors, of which the memory has room for all."""
        self._sum, self._weight = total.copy(), float(count)

    def absorb(self, other: RunningCentroid) -> None:
        """Add all vectors that another one has learned."""
        self._sum = self._sum + other._sum if self._weight else other._sum.copy()
        self._weight += other._weight
        if self._weight > self._memory:
            self._sum *= np.float32(self._memory / self._weight)
            self._weight = float(self._memory)

    def snapshot(self) -> State:
        return {"sum": self._sum.copy(), "weight": self._weight}

    def restore(self, state: State) -> None:
        self._sum = np.array(take(state, "sum", np.ndarray))
        self._weight = take(state, "weight", float)
