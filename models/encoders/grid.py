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

from collections.abc import Sequence
from itertools import count
from typing import Final

import cv2
import numpy as np

from models.encoders.cpu_store import Done
from models.encoders.encoder import (
    FRAMES,
    TUBELET_FRAMES,
    ClipEmbedding,
    EncoderFacts,
    Float32,
    UInt8,
    check_frame,
    check_frame_count,
    check_window,
    check_windows,
)
from models.encoders.grid_histograms import CELLS, GRID_PX, appearance, luma_of, motion

CHANNELS: Final = 16
DIMS: Final = CELLS * CELLS * CHANNELS
OWN_SHARE: Final = 0.7
"""Weight of a token itself; the rest is the window's mean."""
_BLOCKS: Final = ((slice(0, 4), 1.0), (slice(4, 8), 1.0), (slice(8, 14), 0.5), (slice(14, 16), 0.5))
"""The channels of brightness, edges, colour and motion, and the weight of each."""


class GridEncoder:
    """Brightness, edges, colour and motion on an 8x8 grid: 1024 numbers for every two frames."""

    name: Final = "grid-v2"
    encoder_px: Final = GRID_PX

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
        store = self.frame_store()
        (embedding,) = store.encode([[store.put(frame) for frame in window]]).result()
        return embedding

    def frame_store(self) -> "GridFrameStore":
        return GridFrameStore(self.frames)


class GridFrameStore:
    """A ``FrameStore`` that computes the histograms of each frame once, however many windows share it."""

    def __init__(self, frames: int) -> None:
        """``frames`` is the number of frames in a window."""
        self._frames: Final = frames
        self._stored: dict[int, UInt8] = {}
        self._luma: dict[int, Float32] = {}
        self._appearance: dict[int, Float32] = {}
        self._motion: dict[tuple[int, int], Float32] = {}
        """By the slots of both frames, the later one last."""
        self._slots = count()

    def put(self, frame: UInt8) -> int:
        check_frame(frame, GRID_PX)
        slot = next(self._slots)
        self._stored[slot] = frame
        return slot

    def drop(self, slot: int) -> None:
        del self._stored[slot]
        if self._luma.pop(slot, None) is None:  # it was not the first of a tubelet
            return
        del self._appearance[slot]
        for pair in [pair for pair in self._motion if slot in pair]:
            del self._motion[pair]

    def encode(self, windows: Sequence[Sequence[int]]) -> Done:
        check_windows(windows, self._frames)
        return Done([self._embedding(window[::TUBELET_FRAMES]) for window in windows])

    def _embedding(self, slots: Sequence[int]) -> ClipEmbedding:
        """The embedding of a window, from the slots of the first frame of each tubelet."""
        self._add_appearance([slot for slot in dict.fromkeys(slots) if slot not in self._appearance])
        pairs = list(zip([slots[0], *slots], slots, strict=False))
        self._add_motion([pair for pair in dict.fromkeys(pairs) if pair not in self._motion])
        seen = np.stack([self._appearance[slot] for slot in slots], axis=1)
        moved = np.stack([self._motion[pair] for pair in pairs], axis=1)
        histograms = np.concatenate([seen, moved])
        blocks = [_block(histograms[channels], weight=weight) for channels, weight in _BLOCKS]
        tokens = np.moveaxis(np.concatenate(blocks), 0, -1).reshape(-1, DIMS)
        return ClipEmbedding(mean=tokens.mean(axis=0), temporal=tokens.astype(np.float16))

    def _add_appearance(self, slots: Sequence[int]) -> None:
        if slots:
            frames = np.stack([self._stored[slot] for slot in slots])
            luma = luma_of(frames)
            self._luma.update(zip(slots, luma, strict=True))
            self._appearance.update(zip(slots, np.moveaxis(appearance(frames, luma), 1, 0), strict=True))

    def _add_motion(self, pairs: Sequence[tuple[int, int]]) -> None:
        if pairs:
            before, after = (np.stack([self._luma[slot] for slot in slots]) for slots in zip(*pairs, strict=True))
            self._motion.update(zip(pairs, np.moveaxis(motion(before, after), 1, 0), strict=True))


def _block(histograms: Float32, *, weight: float) -> Float32:
    """(C, N, 8, 8) to the same shape: mixed over time, square-rooted, with mean squared token norm ``weight``."""
    mean = histograms.mean(axis=1, keepdims=True)
    roots = np.sqrt(mean + OWN_SHARE * (histograms - mean))
    tokens = histograms.shape[1]
    block: Float32 = roots * np.float32(np.sqrt(weight * tokens) / (np.linalg.norm(roots) + 1e-6))
    return block
