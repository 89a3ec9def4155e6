"""Is a segment like one that is described already? Judged by the run's own embeddings."""

from typing import Final

import numpy as np

from stream.pipeline.items import Float32
from stream.records.schema import events
from stream.records.schema.layout import RunLayout

REMEMBERED_MAX: Final = 4096
"""Segments: 16 MiB of an encoder's 1024 numbers each. What came before is forgotten, and what is like that is described
once more: a stream without end must not fill the memory."""


class Novelty:
    """Compares mean embeddings, each the unit vector of the mean over a segment's windows.

    It reads the rows that the run has written, so that a run that goes on decides as it would have.
    """

    def __init__(self, layout: RunLayout, threshold: float) -> None:
        self._layout = layout
        self._threshold = threshold
        self._names: list[str] = []
        self._units: Float32 | None = None
        """(names, D), in the order in which they came."""

    def remember(self, closed: events.SegmentClosed) -> None:
        """Note a segment that is described, or is to be."""
        if closed.segment_id in self._names or (unit := self._unit(closed)) is None:
            return
        before = unit[None][:0] if self._units is None else self._units[1 - REMEMBERED_MAX :]
        self._units = np.vstack([before, unit])
        self._names = [*self._names[1 - REMEMBERED_MAX :], closed.segment_id]

    def forget(self, segment_id: str) -> None:
        """A segment that was to be described is not: nothing is like it."""
        if self._units is not None and segment_id in self._names:
            place = self._names.index(segment_id)
            self._units = np.delete(self._units, place, axis=0)
            del self._names[place]

    def like(self, closed: events.SegmentClosed) -> tuple[str, float] | None:
        """The remembered segment that this one is most like, and their cosine, unless that is below the threshold."""
        unit = self._unit(closed)
        if unit is None or self._units is None or not self._names:
            return None
        cosines = self._units @ unit
        nearest = int(cosines.argmax())
        cosine = round(float(cosines[nearest]), 6)
        return (self._names[nearest], cosine) if cosine >= self._threshold else None

    def _unit(self, closed: events.SegmentClosed) -> Float32 | None:
        """(D,) float32 of length 1; None for a segment without a sound window."""
        if not closed.windows:
            return None
        starts = np.load(self._layout.timestamps, mmap_mode="r", allow_pickle=False)
        first, last = np.searchsorted(starts, [closed.t_start_s, closed.t_end_s])
        rows = np.load(self._layout.embeddings, mmap_mode="r", allow_pickle=False)[first:last].astype(np.float64)
        rows = rows[np.isfinite(rows).all(axis=1)]
        mean = rows.mean(axis=0) if len(rows) else np.zeros(1)
        length = float(np.linalg.norm(mean))
        return (mean / length).astype(np.float32) if length else None
