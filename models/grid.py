"""``grid``: a clip encoder without weights, for machines where V-JEPA 2 is not to be had.

It learns nothing and knows nothing of actions: it measures where colours, edges and motion lie in the picture, on a
16x16 grid.
"""

from typing import Final

import cv2
import numpy as np

from models.encoder import (
    FRAMES,
    TILE_PX,
    TUBELET_FRAMES,
    ClipEmbedding,
    Facts,
    Float32,
    UInt8,
    check_frames,
    check_tiles,
)

CELLS: Final = 16
CHANNELS: Final = 4
DIMS: Final = CELLS * CELLS * CHANNELS


class GridEncoder:
    """Colour and motion energy on a coarse grid: 1024 numbers for every two frames."""

    name: Final = "grid-v1"
    tile_px: Final = TILE_PX

    def __init__(self, frames: int = FRAMES) -> None:
        self.frames: Final = check_frames(frames)

    def facts(self) -> Facts:
        return {
            "model": self.name,
            "revision": "none",
            "weights_sha256": "none: no learned weights",
            "dtype": "float32",
            "device": "cpu",
            "runtime": f"numpy {np.__version__}, opencv {cv2.__version__}",
            "frames": self.frames,
            "dims": DIMS,
        }

    def encode(self, tiles: UInt8) -> ClipEmbedding:
        check_tiles(tiles, self.frames, self.tile_px)
        small = np.stack([cv2.resize(tile, (4 * CELLS, 4 * CELLS), interpolation=cv2.INTER_AREA) for tile in tiles])
        colour = _cells(small[::TUBELET_FRAMES].astype(np.float32))
        grey = small.mean(axis=3, dtype=np.float32)
        motion = np.abs(grey[1::TUBELET_FRAMES] - grey[::TUBELET_FRAMES])
        energy = np.log1p(_cells(motion[..., None]))
        tokens = np.concatenate([_balanced(colour), _balanced(energy)], axis=-1)
        tokens = 0.5 * (tokens + tokens.mean(axis=0))
        tokens = tokens.reshape(self.frames // TUBELET_FRAMES, DIMS)
        return ClipEmbedding(mean=tokens.mean(axis=0), temporal=tokens.astype(np.float16))


def _cells(pictures: Float32) -> Float32:
    """(N, 64, 64, C) to (N, 16, 16, C): mean over each cell."""
    count, side, _, channels = pictures.shape
    step = side // CELLS
    cells: Float32 = pictures.reshape(count, CELLS, step, CELLS, step, channels).mean(axis=(2, 4))
    return cells


def _balanced(cells: Float32) -> Float32:
    """Each channel of the window with mean 0 and deviation 1."""
    centred = cells - cells.mean(axis=(0, 1, 2))
    balanced: Float32 = centred / (centred.std(axis=(0, 1, 2)) + 1e-3)
    return balanced
