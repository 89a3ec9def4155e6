"""Finds described segments that are similar to a new one, by the embeddings of the run."""

from typing import Final

import numpy as np

from stream.pipeline.items import Float32
from stream.records.schema import events
from stream.records.schema.layout import RunLayout

REMEMBERED_MAX: Final = 4096
"""Segments, 16 MiB at 1024 numbers each. Older ones are forgotten, and what is similar to them is described once more:
a stream without end must not fill the memory."""


class Novelty:
    """Compares mean embeddings: the unit vector of the mean over a segment's windows.

    It reads the rows that the run has written, so that a resumed run decides as it would have without the interruption.
    """

    def __init__(self, layout: RunLayout, threshold: float) -> None:
        """``threshold``: segments whose cosine similarity is at least this are similar."""
        self._layout = layout
        self._threshold = threshold
        self._segment_ids: list[str] = []
        self._units: Float32 | None = None
        """(segments, D) float32, in the order of ``_segment_ids``."""

    def remember(self, segment: events.SegmentClosed) -> None:
        """Remember a segment that is described or will be."""
        if segment.segment_id in self._segment_ids or (unit := self._unit(segment)) is None:
            return
        before = unit[None][:0] if self._units is None else self._units[1 - REMEMBERED_MAX :]
        self._units = np.vstack([before, unit])
        self._segment_ids = [*self._segment_ids[1 - REMEMBERED_MAX :], segment.segment_id]

    def forget(self, segment_id: str) -> None:
        """Forget a segment that could not be described."""
        if self._units is not None and segment_id in self._segment_ids:
            place = self._segment_ids.index(segment_id)
            self._units = np.delete(self._units, place, axis=0)
            del self._segment_ids[place]

    def most_similar(self, segment: events.SegmentClosed) -> tuple[str, float] | None:
        """The id of the most similar remembered segment, and the cosine; None if that is below the threshold."""
        unit = self._unit(segment)
        if unit is None or self._units is None or not self._segment_ids:
            return None
        cosines = self._units @ unit
        nearest = int(cosines.argmax())
        cosine = round(float(cosines[nearest]), 6)
        return (self._segment_ids[nearest], cosine) if cosine >= self._threshold else None

    def _unit(self, segment: events.SegmentClosed) -> Float32 | None:
        """(D,) float32 of length 1; None for a segment without a finite window."""
        if not segment.windows:
            return None
        starts = np.load(self._layout.timestamps, mmap_mode="r", allow_pickle=False)
        first, last = np.searchsorted(starts, [segment.t_start_s, segment.t_end_s])
        rows = np.load(self._layout.embeddings, mmap_mode="r", allow_pickle=False)[first:last].astype(np.float64)
        rows = rows[np.isfinite(rows).all(axis=1)]
        mean = rows.mean(axis=0) if len(rows) else np.zeros(1)
        length = float(np.linalg.norm(mean))
        return (mean / length).astype(np.float32) if length else None
