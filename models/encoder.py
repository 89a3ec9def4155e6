"""The contract of a clip encoder: one window of frames in, one embedding out.

``models.choice`` makes them by name; ``models.grid`` and ``models.vjepa2`` are the two there are.
"""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

UInt8: TypeAlias = npt.NDArray[np.uint8]
Float16: TypeAlias = npt.NDArray[np.float16]
Float32: TypeAlias = npt.NDArray[np.float32]
Facts: TypeAlias = dict[str, str | int | float]

FRAMES = 64
"""Frames of a window, as in the published detection: 64 at 30 fps, 2.1 s."""
TILE_PX = 256
"""Side of a tile: the input size of ``facebook/vjepa2-vitl-fpc64-256``."""
TUBELET_FRAMES = 2
"""Frames that share one temporal token, as in V-JEPA 2 (arXiv:2506.09985)."""


@dataclass(frozen=True, slots=True)
class ClipEmbedding:
    """What an encoder makes of one window of T frames."""

    mean: Float32
    """(D,) float32: mean over all tokens."""
    temporal: Float16
    """(T/2, D) float16: one token for every two frames, mean over space."""


class ClipEncoder(Protocol):
    """Turns a window of frames into an embedding. The same tiles always give the same embedding."""

    @property
    def name(self) -> str:
        """What every record says that made the embedding."""
        ...

    @property
    def frames(self) -> int:
        """T, the frames of a window."""
        ...

    @property
    def tile_px(self) -> int:
        """Side of the square tiles."""
        ...

    def facts(self) -> Facts:
        """What a record needs to make the embedding again.

        Keys: ``model``, ``revision``, ``weights_sha256``, ``dtype``, ``device``, ``runtime``, ``frames``, ``dims``.
        """
        ...

    def encode(self, tiles: UInt8) -> ClipEmbedding:
        """Embed one window.

        Args:
            tiles: (T, tile_px, tile_px, 3) uint8, RGB, in order of time; not written to.

        Raises:
            ValueError: the shape or the dtype is another.
        """
        ...


def check_frames(frames: int) -> int:
    """Give ``frames`` back if whole tubelets make up the window.

    Raises:
        ValueError: ``frames`` is odd or not positive.
    """
    if frames < TUBELET_FRAMES or frames % TUBELET_FRAMES:
        raise ValueError(f"a window of {frames} frames cannot be encoded: expected a positive even number")
    return frames


def check_tiles(tiles: UInt8, frames: int, tile_px: int) -> None:
    """Refuse a window that is not (frames, tile_px, tile_px, 3) uint8.

    Raises:
        ValueError: the shape or the dtype is another.
    """
    expected = (frames, tile_px, tile_px, 3)
    if tiles.shape != expected or tiles.dtype != np.uint8:
        raise ValueError(f"tiles are {tiles.shape} {tiles.dtype}, expected {expected} uint8")
