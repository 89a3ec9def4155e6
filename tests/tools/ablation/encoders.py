"""The encoders of the comparison: which there are, and what is looked at of each one's tokens."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from models.encoders.cpu_store import CpuFrameStore
from models.encoders.encoder import (
    ENCODER_PX,
    TUBELET_FRAMES,
    ClipEmbedding,
    ClipEncoder,
    EncoderFacts,
    UInt8,
    check_window,
)
from models.encoders.grid import CHANNELS, OWN_SHARE
from models.encoders.grid_histograms import CELLS
from models.encoders.table import make_encoder
from stream.pipeline.items import Embedding

THUMBNAIL_PX: Final = 16
MOTION_CHANNELS: Final = 2
"""Of the grid encoder's channels the last ones are motion, all others appearance."""

Vector: TypeAlias = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class EmbeddingView:
    """An encoder's embeddings, looked at in one way."""

    encoder: str
    """Whose."""
    look: Callable[[Embedding], Vector]


class ThumbnailEncoder:
    """``thumbnail``: the first frame of a window, 16x16 pixels in colour, less the mean of each colour.

    The plainest of single-frame features: their cosine is the correlation of two pictures.
    """

    name: Final = "thumbnail"
    frames: Final = TUBELET_FRAMES
    """The shortest window there is; the second frame is not looked at."""
    encoder_px: Final = ENCODER_PX

    def facts(self) -> EncoderFacts:
        return {"model": self.name, "frames": self.frames, "dims": 3 * THUMBNAIL_PX**2}

    def encode(self, window: UInt8) -> ClipEmbedding:
        check_window(window, self.frames, self.encoder_px)
        small = cv2.resize(window[0], (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
        vector = (small - small.mean(axis=(0, 1))).ravel()
        return ClipEmbedding(mean=vector, temporal=vector[None].astype(np.float16))

    def frame_store(self) -> CpuFrameStore:
        return CpuFrameStore.one_by_one(self)


def make_encoders(model: str | None) -> dict[str, ClipEncoder]:
    """The encoders that can be run, by name; ``model`` is the folder of V-JEPA 2's weights, None without.

    Raises:
        ModelUnavailableError: the weights cannot be loaded.
    """
    encoders: dict[str, ClipEncoder] = {"grid": make_encoder("grid"), "thumbnail": ThumbnailEncoder()}
    if model is not None:
        encoders["vjepa2"] = make_encoder("vjepa2", model)
    return encoders


def tokens(embedding: Embedding) -> Vector:
    """(T, D) as the detector of the chain gets them."""
    return embedding.temporal


def pooled(embedding: Embedding) -> Vector:
    """(D,) their mean: when within the window something was is lost."""
    return embedding.mean


def without_context(embedding: Embedding) -> Vector:
    """(T, D) of the grid encoder, as they were before each was mixed with the window's mean.

    A token is the root of m + ``OWN_SHARE`` (h - m), h its histograms and m their mean over the window. The mean of its
    square over the window is m again, so the mixing can be undone; what float16 rounds below zero is zero.
    """
    squares = np.square(embedding.temporal, dtype=np.float32)
    mean = squares.mean(axis=0)
    unmixed: Vector = np.sqrt(np.maximum(mean + (squares - mean) / np.float32(OWN_SHARE), 0)).astype(np.float16)
    return unmixed


def motion(embedding: Embedding) -> Vector:
    """(T, cells, 2) of the grid encoder: what moves where."""
    return _channels(embedding)[..., -MOTION_CHANNELS:]


def appearance(embedding: Embedding) -> Vector:
    """(T, cells, 14) of the grid encoder: brightness, edges and colours."""
    return _channels(embedding)[..., :-MOTION_CHANNELS]


def _channels(embedding: Embedding) -> Vector:
    return embedding.temporal.reshape(-1, CELLS * CELLS, CHANNELS)


VIEWS: Final[Mapping[str, EmbeddingView]] = {
    "grid": EmbeddingView("grid", tokens),
    "grid, no temporal context": EmbeddingView("grid", without_context),
    "grid, mean-pooled": EmbeddingView("grid", pooled),
    "grid, motion only": EmbeddingView("grid", motion),
    "grid, appearance only": EmbeddingView("grid", appearance),
    "single frame": EmbeddingView("thumbnail", tokens),
    "vjepa2": EmbeddingView("vjepa2", tokens),
}
"""By the name of the row. All views of one encoder share its work."""
