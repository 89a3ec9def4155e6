"""The contract of a clip encoder: one window of frames in, one embedding out.

Windows overlap, so tiles and windows come apart: a tile goes into the encoder's ``TileStore`` once, and every window
that it is part of names it by its slot. ``models.encoders.table`` makes encoders by name.
"""

from collections.abc import Sequence
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


class Encoding(Protocol):
    """A batch of windows that is being embedded."""

    def ready(self) -> bool:
        """Whether ``result`` would give its answer at once."""
        ...

    def result(self) -> Sequence[ClipEmbedding]:
        """The embeddings in the order of their windows; waits for them."""
        ...


class TileStore(Protocol):
    """The tiles of the windows to come, where the encoder computes."""

    def put(self, tile: UInt8) -> int:
        """Keep a tile, (tile_px, tile_px, 3) uint8, RGB; gives its slot, which is its own until it is dropped.

        Raises:
            ValueError: the shape or the dtype is another.
            MemoryError: it does not fit into the device's memory.
        """
        ...

    def drop(self, slot: int) -> None:
        """Let a tile go; windows that were given to ``encode`` before are not harmed."""
        ...

    def encode(self, windows: Sequence[Sequence[int]]) -> Encoding:
        """Begin to embed windows, at least one; does not wait where the device works on its own.

        Args:
            windows: (B, T) slots, in order of time; one tile may stand for several frames.

        Raises:
            ValueError: a window has not T frames.
            MemoryError: the batch does not fit into the device's memory.
        """
        ...


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

        Keys: ``model``, ``revision``, ``weights_sha256``, ``dtype``, ``device``, ``runtime``, ``frames``, ``dims``;
        where batches may halve also ``memory_halvings``; where a device computes, ``device_busy_s``: how long it has
        worked on windows, whoever waited for it.
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

    def tile_store(self) -> TileStore:
        """An empty store of tiles, for many windows that overlap: the way of a stream."""
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
    _check_shape(tiles, (frames, tile_px, tile_px, 3))


def check_tile(tile: UInt8, tile_px: int) -> None:
    """Refuse a tile that is not (tile_px, tile_px, 3) uint8.

    Raises:
        ValueError: the shape or the dtype is another.
    """
    _check_shape(tile, (tile_px, tile_px, 3))


def check_windows(windows: Sequence[Sequence[int]], frames: int) -> None:
    """Refuse windows that have not ``frames`` frames each.

    Raises:
        ValueError: one has more or fewer, or there is none.
    """
    lengths = {len(window) for window in windows}
    if lengths != {frames}:
        raise ValueError(f"windows have {sorted(lengths)} frames, expected {frames} in each")


def _check_shape(tiles: UInt8, expected: tuple[int, ...]) -> None:
    if tiles.shape != expected or tiles.dtype != np.uint8:
        raise ValueError(f"tiles are {tiles.shape} {tiles.dtype}, expected {expected} uint8")
