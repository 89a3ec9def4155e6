"""An encoder that remembers: the windows that a run has embedded before are not embedded again."""

from pathlib import Path

import numpy as np

from models.encoder import ClipEmbedding, ClipEncoder, Facts, UInt8
from stream.records.layout import RunLayout


class Remembered:
    """Gives the first ``windows`` embeddings from the run's own arrays, and all later ones from the encoder.

    The same tiles always give the same embedding, so a run that goes on may play its clip again from the start at the
    decoder's speed, and ends byte for byte like one that was never stopped.
    """

    def __init__(self, encoder: ClipEncoder, run_dir: Path, windows: int) -> None:
        layout = RunLayout(run_dir, run_dir.name)
        self._encoder = encoder
        self._mean = np.load(layout.embeddings, mmap_mode="r", allow_pickle=False)[:windows]
        self._temporal = np.load(layout.temporal, mmap_mode="r", allow_pickle=False)[:windows]
        self._given = 0
        self.name = encoder.name
        self.frames = encoder.frames
        self.tile_px = encoder.tile_px

    def facts(self) -> Facts:
        return self._encoder.facts()

    def encode(self, tiles: UInt8) -> ClipEmbedding:
        row = self._given
        self._given += 1
        if row >= len(self._mean):
            return self._encoder.encode(tiles)
        return ClipEmbedding(np.array(self._mean[row]), np.array(self._temporal[row]))
