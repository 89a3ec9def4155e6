"""An encoder that remembers: the windows that a run has embedded before are not embedded again."""

import numpy as np

from models.encoder import ClipEmbedding, ClipEncoder, Facts, UInt8
from stream.records.arrays import rows_in
from stream.records.layout import RunLayout


class Remembered:
    """Gives the embeddings that the run's own arrays hold already, and all later ones from the encoder.

    The same tiles always give the same embedding. So the windows that were embedded after the barrier from which a run
    goes on, and before it ended, come from the disk.
    """

    def __init__(self, encoder: ClipEncoder, layout: RunLayout, first: int) -> None:
        """``first`` is the index of the first window that will be asked for."""
        rows = rows_in(layout.arrays)
        self._mean = np.load(layout.embeddings, mmap_mode="r", allow_pickle=False)[:rows] if rows else ()
        self._temporal = np.load(layout.temporal, mmap_mode="r", allow_pickle=False)[:rows] if rows else ()
        self._encoder = encoder
        self._tally = layout.encoded
        self._next = first
        self.name = encoder.name
        self.frames = encoder.frames
        self.tile_px = encoder.tile_px

    def facts(self) -> Facts:
        return self._encoder.facts()

    def encode(self, tiles: UInt8) -> ClipEmbedding:
        row = self._next
        self._next += 1
        if row < len(self._mean):
            return ClipEmbedding(np.array(self._mean[row]), np.array(self._temporal[row]))
        with self._tally.open("ab", buffering=0) as file:
            file.write(b".")
        return self._encoder.encode(tiles)
