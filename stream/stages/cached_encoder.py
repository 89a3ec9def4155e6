"""The cached encoder, which does not embed windows again whose embeddings are already on disk."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from models.encoders.cpu_store import Done
from models.encoders.encoder import (
    ClipEmbedding,
    ClipEncoder,
    EncoderFacts,
    Encoding,
    Float16,
    Float32,
    FrameStore,
    UInt8,
)
from stream.records.schema.layout import RunLayout
from stream.records.store.arrays import load, rows_in


class CachedEncoder:
    """Returns the embeddings that the run's arrays hold already, and has the encoder embed all later windows.

    The same frames always have the same embedding. So the windows that were embedded after the checkpoint from which a
    run is resumed are read from disk.
    """

    def __init__(
        self,
        encoder: ClipEncoder,
        layout: RunLayout,
        first: int,
        facts: Callable[[], EncoderFacts] | None = None,
    ) -> None:
        """``first`` is the index of the first window that will be requested; ``facts`` default to the encoder's."""
        rows = rows_in(layout.arrays)
        self._known: list[tuple[Float32, Float16]] = []
        if rows > first:
            mean, temporal = (load(path)[first:rows] for path in layout.arrays[:2])
            self._known = list(zip(mean, temporal, strict=True))
        self._encoder = encoder
        self._counter = layout.encoded
        self.facts = facts or encoder.facts
        self.name = encoder.name
        self.frames = encoder.frames
        self.encoder_px = encoder.encoder_px

    def encode(self, window: UInt8) -> ClipEmbedding:
        return self._encoder.encode(window)

    def frame_store(self) -> FrameStore:
        return _CachedFrameStore(self._encoder.frame_store(), self._known, self._counter)


class _CachedFrameStore:
    """A store whose first windows are known; if one window of a batch is not, the whole batch is embedded."""

    def __init__(self, store: FrameStore, known: Sequence[tuple[Float32, Float16]], counter: Path) -> None:
        """``counter`` is a file that gets a byte for every window that the encoder has to embed."""
        self._store = store
        self._known = known
        self._counter = counter
        self._requested = 0
        self.put = store.put
        self.drop = store.drop

    def encode(self, windows: Sequence[Sequence[int]]) -> Encoding:
        first, self._requested = self._requested, self._requested + len(windows)
        if self._requested > len(self._known):
            with self._counter.open("ab", buffering=0) as file:
                file.write(b"." * len(windows))
            return self._store.encode(windows)
        return Done(
            [
                ClipEmbedding(np.array(mean), np.array(temporal))
                for mean, temporal in self._known[first : self._requested]
            ]
        )
