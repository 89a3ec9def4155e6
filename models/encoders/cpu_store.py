"""A frame store in host memory, for encoders that run on the CPU or take whole windows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final, Self

import numpy as np

from models.encoders.encoder import ClipEmbedding, ClipEncoder, UInt8, check_frame, check_windows


@dataclass(frozen=True, slots=True)
class Done:
    """An encoding that is complete from the start."""

    embeddings: Sequence[ClipEmbedding]

    def ready(self) -> bool:
        return True

    def result(self) -> Sequence[ClipEmbedding]:
        return self.embeddings


class CpuFrameStore:
    """A ``FrameStore`` that encodes synchronously."""

    def __init__(
        self, embed: Callable[[Sequence[UInt8]], Sequence[ClipEmbedding]], frames: int, encoder_px: int
    ) -> None:
        """``embed`` takes at least one window, each (frames, encoder_px, encoder_px, 3) uint8."""
        self._embed: Final = embed
        self._frames: Final = frames
        self._encoder_px: Final = encoder_px
        self._stored: dict[int, UInt8] = {}
        self._slots = count()

    @classmethod
    def one_by_one(cls, encoder: ClipEncoder) -> Self:
        """A store for an encoder that takes one window at a time."""
        return cls(lambda windows: [encoder.encode(window) for window in windows], encoder.frames, encoder.encoder_px)

    def put(self, frame: UInt8) -> int:
        check_frame(frame, self._encoder_px)
        slot = next(self._slots)
        self._stored[slot] = frame
        return slot

    def drop(self, slot: int) -> None:
        del self._stored[slot]

    def encode(self, windows: Sequence[Sequence[int]]) -> Done:
        check_windows(windows, self._frames)
        return Done(self._embed([np.stack([self._stored[slot] for slot in window]) for window in windows]))
