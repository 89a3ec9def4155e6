"""An encoder that computes nothing, and records its requests."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from models.encoders.cpu_store import CpuFrameStore, Done
from models.encoders.encoder import ClipEmbedding, EncoderFacts, Encoding, UInt8
from stream.pipeline.items import EncoderFrame, Item


class Late:
    """An encoding that becomes ready when the test says so."""

    def __init__(self, done: Done, ready: set[int], number: int) -> None:
        self._done, self._ready, self._number = done, ready, number

    def ready(self) -> bool:
        return self._number in self._ready

    def result(self) -> Sequence[ClipEmbedding]:
        return self._done.result()


class SpyFrameStore(CpuFrameStore):
    """Counts the frames, and lets batches be late."""

    def __init__(self, spy: "Spy") -> None:
        super().__init__(lambda windows: [spy.encode(frames) for frames in windows], spy.frames, spy.encoder_px)
        self._spy = spy

    def put(self, frame: UInt8) -> int:
        slot = super().put(frame)
        self._spy.puts += 1
        self._spy.kept_max = max(self._spy.kept_max, len(self._stored))
        return slot

    def encode(self, windows: Sequence[Sequence[int]]) -> Encoding:  # type: ignore[override]  # may be late
        self._spy.batches.append(len(windows))
        embeddings = super().encode(windows)
        return embeddings if self._spy.ready is None else Late(embeddings, self._spy.ready, len(self._spy.batches) - 1)


class Spy:
    """Keeps the numbers of the frames of each window: a frame's pixels hold its number."""

    name: Final = "spy"
    encoder_px: Final = 1

    def __init__(self, frames: int = 64, ready: set[int] | None = None) -> None:
        """``ready`` holds the numbers of the batches that are; None: every batch is at once."""
        self.frames: Final = frames
        self.ready = ready
        self.seen: list[list[int]] = []
        self.batches: list[int] = []
        """Sizes."""
        self.puts = self.kept_max = 0

    def facts(self) -> EncoderFacts:
        return {}

    def encode(self, window: UInt8) -> ClipEmbedding:
        numbers = [int(frame[0, 0, 0]) * 256 + int(frame[0, 0, 1]) for frame in window]
        self.seen.append(numbers)
        return ClipEmbedding(np.zeros(1, np.float32), np.full((self.frames // 2, 1), numbers[0], np.float16))

    def frame_store(self) -> SpyFrameStore:
        return SpyFrameStore(self)


def numbered_frames(times_s: Iterable[float]) -> list[Item]:
    """Frames with these times; each knows its number."""
    return [
        EncoderFrame(k, t_s, 1 / 30, np.array([[[k // 256, k % 256, 0]]], np.uint8)) for k, t_s in enumerate(times_s)
    ]
