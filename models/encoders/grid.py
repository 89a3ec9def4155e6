"""``grid``: a clip encoder without weights, for machines that cannot run V-JEPA 2.

It is not learned and recognises no actions. It measures the appearance of each of 8x8 cells and the amount of motion
there. That distinguishes places, postures and amounts of motion. It does not distinguish two activities of the same
hands at the same bench, and a change of viewpoint looks like a change of work.

Each cell holds four histograms, 16 numbers in total, of the first frame of every tubelet:

- brightness, 4 bins, relative to the frame's own mean and deviation, which cancels exposure;
- edge directions, 4 bins, each pixel weighted by its gradient magnitude;
- colour, 6 bins: log ratios of red to green and blue to green, three each, which cancels brightness;
- motion, 2 bins, still and moving: mean change since the previous tubelet (none for the first of a window).

Votes are soft: each is split between the two nearest bins, so that a small drift of light or viewpoint moves little
weight. The embedding consists of the histograms' square roots, so that the cosine of two windows is a mean of
Bhattacharyya coefficients (Bhattacharyya 1943), in which strong edges do not dominate weak ones. Every token of a video
transformer sees the whole window; likewise, each token here is mixed with the window's mean, which makes it less
sensitive to the phase of a repeated movement.
"""

from typing import Final

import cv2
import numpy as np

from models.encoders.cpu_store import CpuFrameStore
from models.encoders.encoder import (
    ENCODER_PX,
    FRAMES,
    TUBELET_FRAMES,
    ClipEmbedding,
    EncoderFacts,
    Float32,
    UInt8,
    check_frame_count,
    check_window,
)

CELLS: Final = 8
CHANNELS: Final = 16
DIMS: Final = CELLS * CELLS * CHANNELS
OWN_SHARE: Final = 0.7
"""Weight of a token itself; the rest is the window's mean."""
_FINE_PX: Final = 64
_COARSE_PX: Final = 32
_LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)
"""Luma weights of red, green and blue, ITU-R BT.601."""


class GridEncoder:
    """Brightness, edges, colour and motion on an 8x8 grid: 1024 numbers for every two frames."""

    name: Final = "grid-v1"
    encoder_px: Final = ENCODER_PX

    def __init__(self, frames: int = FRAMES) -> None:
        """Create an encoder for windows of ``frames`` frames.

        Raises:
            ValueError: ``frames`` is odd or not positive.
        """
        self.frames: Final = check_frame_count(frames)

    def facts(self) -> EncoderFacts:
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

    def encode(self, window: UInt8) -> ClipEmbedding:
        check_window(window, self.frames, self.encoder_px)
        shrunk = np.stack([_shrunk(frame) for frame in window[::TUBELET_FRAMES]])
        fine = np.ascontiguousarray(np.moveaxis(shrunk, -1, 0), np.float32)  # (3, T/2, 64, 64)
        coarse = _pooled(fine, _COARSE_PX)
        luma = _luma(fine)
        blocks = (
            _block(_brightness(_luma(coarse)), weight=1.0),
            _block(_directions(luma), weight=1.0),
            _block(_colours(coarse), weight=0.5),
            _block(_motion(luma), weight=0.5),
        )
        tokens = np.moveaxis(np.concatenate(blocks), 0, -1).reshape(-1, DIMS)
        return ClipEmbedding(mean=tokens.mean(axis=0), temporal=tokens.astype(np.float16))

    def frame_store(self) -> CpuFrameStore:
        return CpuFrameStore.one_by_one(self)


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
    away = np.abs(np.where(eighths < 4, eighths, eighths - 4) - _bins(4))
    return _pooled(magnitude * np.maximum(0, 1 - np.minimum(away, 4 - away)), CELLS)


def _colours(pictures: Float32) -> Float32:
    """(3, N, S, S) to (6, N, 8, 8)."""
    red, green, blue = np.log(pictures + 16)  # 16 of 255 keeps the ratio of two dark, noisy values near 1
    return np.concatenate([_pooled(_votes(ratio, reach=0.5, bins=3), CELLS) for ratio in (red - green, blue - green)])


def _motion(luma: Float32) -> Float32:
    """(N, S, S) to (2, N, 8, 8)."""
    change = _pooled(np.abs(np.diff(luma, axis=0, prepend=luma[:1])), CELLS)
    # Half of the vote is "moving" at a mean change of 3 grey levels, all of it at 15.
    return _votes(np.log2(1 + change) - 2, reach=2.0, bins=2)


def _votes(values: Float32, *, reach: float, bins: int) -> Float32:
    """(...) to (bins, ...): soft votes, summing to 1, for bins spaced evenly over -reach to +reach."""
    place = np.clip((values / reach + 1) * ((bins - 1) / 2), 0, bins - 1)
    votes: Float32 = np.maximum(0, 1 - np.abs(place - _bins(bins)))
    return votes


def _bins(count: int) -> Float32:
    """0, 1, 2, ... along a new first axis, followed by three singleton axes."""
    return np.arange(count, dtype=np.float32).reshape(-1, 1, 1, 1)


def _block(histograms: Float32, *, weight: float) -> Float32:
    """(C, N, 8, 8) to the same shape: mixed over time, square-rooted, with mean squared token norm ``weight``."""
    mean = histograms.mean(axis=1, keepdims=True)
    roots = np.sqrt(mean + OWN_SHARE * (histograms - mean))
    tokens = histograms.shape[1]
    block: Float32 = roots * np.float32(np.sqrt(weight * tokens) / (np.linalg.norm(roots) + 1e-6))
    return block


def _luma(pictures: Float32) -> Float32:
    """(3, N, S, S) to (N, S, S)."""
    luma: Float32 = np.tensordot(_LUMA, pictures, axes=1)
    return luma


def _shrunk(frame: UInt8) -> cv2.typing.MatLike:
    return cv2.resize(frame, (_FINE_PX, _FINE_PX), interpolation=cv2.INTER_AREA)


def _pooled(maps: Float32, side: int) -> Float32:
    """(..., S, S) to (..., side, side): means over squares; S is a multiple of side. Computed as one tall picture."""
    *leading, rows, columns = maps.shape
    tall = maps.reshape(-1, columns)
    pooled = cv2.resize(tall, (side, len(tall) * side // rows), interpolation=cv2.INTER_AREA)
    return pooled.reshape(*leading, side, side).astype(np.float32, copy=False)
