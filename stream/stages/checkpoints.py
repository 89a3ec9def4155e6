"""Writes checkpoints: each barrier is safe from dying processes, and every 30 s one is safe from power cuts."""

from collections.abc import Mapping
from typing import Final

from stream.pipeline.state import PackedState, State, take
from stream.records.schema.layout import RunLayout
from stream.records.store.atomic import sync_file
from stream.records.store.checkpoint import CheckpointFiles, Totals
from stream.records.store.keyframes import KeyframeCache

CHECKPOINT_S: Final = 30.0
"""Stream time between two checkpoints."""


class Checkpoints:
    """Writes the snapshots of all stages, and syncs the files that they refer to."""

    def __init__(self, layout: RunLayout, attempt: int, cache: KeyframeCache) -> None:
        self._layout = layout
        self._cache = cache
        self._files = CheckpointFiles(layout, attempt)
        self._next_s = CHECKPOINT_S

    def is_due(self, t_s: float) -> bool:
        """Whether the checkpoint at ``t_s`` is to be synced to disk."""
        return t_s >= self._next_s

    def sync(self) -> None:
        """Force the arrays and the keyframes to disk."""
        for path in self._layout.arrays:
            sync_file(path)
        self._cache.sync()

    def note(self, t_s: float) -> None:
        """Schedule the checkpoint after the one at ``t_s``."""
        self._next_s = (t_s // CHECKPOINT_S + 1) * CHECKPOINT_S

    def write(self, t_s: float, totals: Totals, states: Mapping[str, PackedState], *, durably: bool) -> None:
        """Write the states at a barrier; ``durably`` at a checkpoint."""
        self._files.write(t_s, totals, states, durably=durably)

    def snapshot(self) -> State:
        return {"next_s": self._next_s}

    def restore(self, state: State) -> None:
        self._next_s = take(state, "next_s", float)
