"""The histograms of the ``grid`` encoder: brightness, edges and colours of a frame, and its motion since another one.

All arrays are float32. A frame's histograms do not depend on the other frames that are passed with it, to the bit, so
frames may be passed in any batches.
"""

from typing import Final

import cv2
import numpy as np

from models.encoders.encoder import Float32, UInt8

GRID_PX: Final = 64
"""Side of the frames, pixels."""
CELLS: Final = 8
_COARSE_PX: Final = 32
_LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)
"""Luma weights of red, green and blue, ITU-R BT.601."""


def luma_of(frames: UInt8) -> Float32:
    """(N, 64, 64, 3) uint8 RGB to (N, 64, 64), from 0 to 255."""
    return _luma(_channels(frames))


def appearance(frames: UInt8, luma: Float32) -> Float32:
    """(N, 64, 64, 3) uint8 RGB and their luma to (14, N, 8, 8): 4 bins of brightness, 4 of edges, 6 of colour."""
    coarse = _pooled(_channels(frames), _COARSE_PX)
    return np.concatenate([_brightness(_luma(coarse)), _directions(luma), _colours(coarse)])


def motion(before: Float32, after: Float32) -> Float32:
    """Luma, twice (N, 64, 64), to (2, N, 8, 8): the votes "still" and "moving"."""
    change = _pooled(np.abs(after - before), CELLS)
    # Half of the vote is "moving" at a mean change of 3 grey levels, all of it at 15.
    return _votes(np.log2(1 + change) - 2, reach=2.0, bins=2)


def _channels(frames: UInt8) -> Float32:
    """(N, S, S, 3) to (3, N, S, S)."""
    return np.ascontiguousarray(np.moveaxis(frames, -1, 0), np.float32)


def _brightness(luma: Float32) -> Float32:
    """(N, S, S) to (4, N, 8, 8)."""
    mean = luma.mean(axis=(1, 2), keepdims=True)
    deviation = luma.std(axis=(1, 2), keepdims=True)
    return _pooled(_votes((luma - mean) / (deviation + 4), reach=1.5, bins=4), CELLS)


def _directions(luma: Float32) -> Float32:
    """(N, S, S) to (4, N, 8, 8): gradient magnitudes by direction, 0, 45, 90 and 135 degrees."""
    dx, dy = np.zeros_like(luma), np.zeros_like(luma)
    dx[:, :, 1:-1] = luma[:, :, 2:] - luma[:, :, :-2]
    dy[:, 1:-1] = luma[:, 2:] - luma[:, :-2]
    magnitude, angle = (part.reshape(luma.shape) for part in cv2.cartToPolar(dx.ravel(), dy.ravel()))
    eighths = angle * np.float32(4 / np.pi)  # of a full turn; opposite directions count as one
    eighths = np.where(eighths < 4, eighths, eighths - 4)
    away = (np.abs(eighths - np.float32(direction)) for direction in range(4))  # one by one: they fit into the cache
    return np.stack([_pooled(magnitude * np.maximum(0, 1 - np.minimum(each, 4 - each)), CELLS) for each in away])


def _colours(pictures: Float32) -> Float32:
    """(3, N, S, S) to (6, N, 8, 8)."""
    red, green, blue = np.log(pictures + 16)  # 16 of 255 keeps the ratio of two dark, noisy values near 1
    return np.concatenate([_pooled(_votes(ratio, reach=0.5, bins=3), CELLS) for ratio in (red - green, blue - green)])


def _votes(values: Float32, *, reach: float, bins: int) -> Float32:
    """(...) to (bins, ...): soft votes, summing to 1, for bins spaced evenly over -reach to +reach."""
    place = np.clip((values / reach + 1) * ((bins - 1) / 2), 0, bins - 1)
    votes: Float32 = np.maximum(0, 1 - np.abs(place - _bins(bins)))
    return votes


def _bins(count: int) -> Float32:
    """0, 1, 2, ... along a new first axis, followed by three singleton axes."""
    return np.arange(count, dtype=np.float32).reshape(-1, 1, 1, 1)


def _luma(pictures: Float32) -> Float32:
    """(3, N, S, S) to (N, S, S)."""
    red, green, blue = pictures
    luma: Float32 = _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue
    return luma


def _pooled(maps: Float32, side: int) -> Float32:
    """(..., S, S) to (..., side, side): means over squares; S is a multiple of side. Computed as one tall picture."""
    *leading, rows, columns = maps.shape
    tall = maps.reshape(-1, columns)
    pooled = cv2.resize(tall, (side, len(tall) * side // rows), interpolation=cv2.INTER_AREA)
    return pooled.reshape(*leading, side, side).astype(np.float32, copy=False)
