"""An encoder that remembers: the windows that a run has embedded before are not embedded again."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.encoder import ClipEmbedding, ClipEncoder, Encoding, Facts, Float16, Float32, TileStore, UInt8
from models.host_tiles import Done
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
        self.name = encoder.name
        self.frames = encoder.frames
        self.tile_px = encoder.tile_px

    def facts(self) -> Facts:
        return self._encoder.facts()

    def encode(self, tiles: UInt8) -> ClipEmbedding:
        return self._encoder.encode(tiles)

    def tile_store(self) -> TileStore:
        return _RememberedTiles(self._encoder.tile_store(), list(zip(self._mean, self._temporal, strict=True)))


class _RememberedTiles:
    """A store whose first windows are known; a batch of which one is not is embedded whole, as it was before."""

    def __init__(self, tiles: TileStore, known: Sequence[tuple[Float32, Float16]]) -> None:
        self._tiles = tiles
        self._known = known
        self._given = 0
        self.put = tiles.put
        self.drop = tiles.drop

    def encode(self, windows: Sequence[Sequence[int]]) -> Encoding:
        first, self._given = self._given, self._given + len(windows)
        if self._given > len(self._known):
            return self._tiles.encode(windows)
        return Done(
            [ClipEmbedding(np.array(mean), np.array(temporal)) for mean, temporal in self._known[first : self._given]]
        )
