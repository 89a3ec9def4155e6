"""An encoder that remembers: the windows that a run has embedded before are not embedded again."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.encoders.cpu_store import Done
from models.encoders.encoder import ClipEmbedding, ClipEncoder, Encoding, Facts, Float16, Float32, FrameStore, UInt8
from stream.records.schema.layout import RunLayout
from stream.records.store.arrays import load, rows_in


class CachedEncoder:
    """Gives the embeddings that the run's own arrays hold already, and all later ones from the encoder.

    The same frames always give the same embedding. So the windows that were embedded after the barrier from which a run
    goes on, and before it ended, come from the disk.
    """

    def __init__(self, encoder: ClipEncoder, layout: RunLayout, first: int) -> None:
        """``first`` is the index of the first window that will be asked for."""
        rows = rows_in(layout.arrays)
        self._known: list[tuple[Float32, Float16]] = []
        if rows > first:
            mean, temporal = (load(path)[first:rows] for path in layout.arrays[:2])
            self._known = list(zip(mean, temporal, strict=True))
        self._encoder = encoder
        self._tally = layout.encoded
        self.name = encoder.name
        self.frames = encoder.frames
        self.encoder_px = encoder.encoder_px

    def facts(self) -> Facts:
        return self._encoder.facts()

    def encode(self, window: UInt8) -> ClipEmbedding:
        return self._encoder.encode(window)

    def frame_store(self) -> FrameStore:
        return _CachedFrameStore(self._encoder.frame_store(), self._known, self._tally)


class _CachedFrameStore:
    """A store whose first windows are known; a batch of which one is not is embedded whole, as it was before."""

    def __init__(self, store: FrameStore, known: Sequence[tuple[Float32, Float16]], tally: Path) -> None:
        """``tally`` gets a byte for every window that the encoder has to embed."""
        self._store = store
        self._known = known
        self._tally = tally
        self._given = 0
        self.put = store.put
        self.drop = store.drop

    def encode(self, windows: Sequence[Sequence[int]]) -> Encoding:
        first, self._given = self._given, self._given + len(windows)
        if self._given > len(self._known):
            with self._tally.open("ab", buffering=0) as file:
                file.write(b"." * len(windows))
            return self._store.encode(windows)
        return Done(
            [ClipEmbedding(np.array(mean), np.array(temporal)) for mean, temporal in self._known[first : self._given]]
        )
