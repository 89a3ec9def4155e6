"""Frames in the host's memory, for encoders that compute there or take a whole window at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final, Self

import numpy as np

from models.encoders.encoder import ClipEmbedding, ClipEncoder, UInt8, check_frame, check_windows


@dataclass(frozen=True, slots=True)
class Done:
    """An encoding that was done when it was asked for."""

    embeddings: Sequence[ClipEmbedding]

    def ready(self) -> bool:
        return True

    def result(self) -> Sequence[ClipEmbedding]:
        return self.embeddings


class CpuFrameStore:
    """A ``FrameStore`` that embeds as soon as it is asked to."""

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
        """A store for an encoder that embeds its windows one after the other."""
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
