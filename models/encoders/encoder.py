"""The contract of a clip encoder: one window of frames in, one embedding out.

Windows overlap, so frames and windows are passed separately: a frame is put into the encoder's ``FrameStore`` once, and
every window that it is part of refers to it by its slot. ``models.encoders.table`` makes encoders by name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

UInt8: TypeAlias = npt.NDArray[np.uint8]
Float16: TypeAlias = npt.NDArray[np.float16]
Float32: TypeAlias = npt.NDArray[np.float32]
EncoderFacts: TypeAlias = dict[str, str | int | float]

FRAMES = 64
"""Frames in a window, as in the published detection: 64 at 30 fps, 2.1 s."""
ENCODER_PX = 256
"""Side of an encoder frame: the input size of ``facebook/vjepa2-vitl-fpc64-256``."""
TUBELET_FRAMES = 2
"""Frames that share one temporal token, as in V-JEPA 2 (arXiv:2506.09985)."""


@dataclass(frozen=True, slots=True)
class ClipEmbedding:
    """The embedding of one window of T frames."""

    mean: Float32
    """(D,) float32: mean over all tokens."""
    temporal: Float16
    """(T/2, D) float16: one token for every two frames, mean over space."""


class Encoding(Protocol):
    """A batch of windows that is being encoded."""

    def ready(self) -> bool:
        """Whether ``result`` would return at once."""
        ...

    def result(self) -> Sequence[ClipEmbedding]:
        """Wait for the embeddings and return them in the order of their windows."""
        ...


class FrameStore(Protocol):
    """The frames of pending windows, in the memory of the device that encodes them."""

    def put(self, frame: UInt8) -> int:
        """Store a frame, (encoder_px, encoder_px, 3) uint8 RGB, and return its slot, which stays valid until dropped.

        Raises:
            ValueError: the frame has another shape or dtype.
            MemoryError: it does not fit into the device's memory.
        """
        ...

    def drop(self, slot: int) -> None:
        """Remove a frame. Windows already passed to ``encode`` are not affected."""
        ...

    def encode(self, windows: Sequence[Sequence[int]]) -> Encoding:
        """Start encoding at least one window. Returns before the result is there if the device works asynchronously.

        Args:
            windows: (B, T) slots, in order of time; a slot may occur several times.

        Raises:
            ValueError: a window does not have T frames.
            MemoryError: the batch does not fit into the device's memory.
        """
        ...


class ClipEncoder(Protocol):
    """Turns a window of frames into an embedding. The same window always gives the same embedding."""

    @property
    def name(self) -> str:
        """The encoder's name in every record."""
        ...

    @property
    def frames(self) -> int:
        """T, frames in a window."""
        ...

    @property
    def encoder_px(self) -> int:
        """Side of the square frames, pixels."""
        ...

    def facts(self) -> EncoderFacts:
        """Everything that a record needs to reproduce the embedding.

        Keys: ``model``, ``revision``, ``weights_sha256``, ``dtype``, ``device``, ``runtime``, ``frames``, ``dims``;
        also ``memory_halvings`` if batches may be halved, and ``device_busy_s`` if a device computes: the time that it
        has worked on windows, regardless of who waited for it.
        """
        ...

    def encode(self, window: UInt8) -> ClipEmbedding:
        """Encode one window.

        Args:
            window: (T, encoder_px, encoder_px, 3) uint8 RGB, in order of time; it is not written to.

        Raises:
            ValueError: the window has another shape or dtype.
        """
        ...

    def frame_store(self) -> FrameStore:
        """An empty frame store, for encoding many overlapping windows of a stream."""
        ...


def check_frame_count(frames: int) -> int:
    """Return ``frames`` if a window of so many consists of whole tubelets.

    Raises:
        ValueError: ``frames`` is odd or not positive.
    """
    if frames < TUBELET_FRAMES or frames % TUBELET_FRAMES:
        raise ValueError(f"a window of {frames} frames cannot be encoded: expected a positive even number")
    return frames


def check_window(window: UInt8, frames: int, encoder_px: int) -> None:
    """Refuse a window that is not (frames, encoder_px, encoder_px, 3) uint8.

    Raises:
        ValueError: the window has another shape or dtype.
    """
    _check_shape("a window", window, (frames, encoder_px, encoder_px, 3))


def check_frame(frame: UInt8, encoder_px: int) -> None:
    """Refuse a frame that is not (encoder_px, encoder_px, 3) uint8.

    Raises:
        ValueError: the frame has another shape or dtype.
    """
    _check_shape("a frame", frame, (encoder_px, encoder_px, 3))


def check_windows(windows: Sequence[Sequence[int]], frames: int) -> None:
    """Refuse windows that do not have ``frames`` frames each.

    Raises:
        ValueError: a window is longer or shorter, or there is none.
    """
    lengths = {len(window) for window in windows}
    if lengths != {frames}:
        raise ValueError(f"windows have {sorted(lengths)} frames, expected {frames} in each")


def _check_shape(what: str, array: UInt8, expected: tuple[int, ...]) -> None:
    if array.shape != expected or array.dtype != np.uint8:
        raise ValueError(f"{what} is {array.shape} {array.dtype}, expected {expected} uint8")
