"""Is a segment like one that is described already? Judged by the run's own embeddings."""

import numpy as np

from stream.items import Float64
from stream.records import events
from stream.records.layout import RunLayout


class Novelty:
    """Compares mean embeddings, each the unit vector of the mean over a segment's windows.

    It reads the rows that the run has written, so that a run that goes on decides as it would have.
    """

    def __init__(self, layout: RunLayout, threshold: float) -> None:
        self._layout = layout
        self._threshold = threshold
        self._described: dict[str, Float64] = {}

    def remember(self, closed: events.SegmentClosed) -> None:
        """Note a segment that is described."""
        if closed.segment_id not in self._described and (unit := self._unit(closed)) is not None:
            self._described[closed.segment_id] = unit

    def like(self, closed: events.SegmentClosed) -> tuple[str, float] | None:
        """The described segment that this one is most like, and their cosine, unless that is below the threshold."""
        unit = self._unit(closed)
        if unit is None or not self._described:
            return None
        cosines = {segment_id: float(other @ unit) for segment_id, other in self._described.items()}
        nearest = max(cosines, key=cosines.__getitem__)
        return (nearest, round(cosines[nearest], 6)) if cosines[nearest] >= self._threshold else None

    def _unit(self, closed: events.SegmentClosed) -> Float64 | None:
        """(D,) float64 of length 1; None for a segment without a sound window."""
        if not closed.windows:
            return None
        starts = np.load(self._layout.timestamps, mmap_mode="r", allow_pickle=False)
        first, last = np.searchsorted(starts, [closed.t_start_s, closed.t_end_s])
        rows = np.load(self._layout.embeddings, mmap_mode="r", allow_pickle=False)[first:last].astype(np.float64)
        rows = rows[np.isfinite(rows).all(axis=1)]
        mean = rows.mean(axis=0) if len(rows) else np.zeros(1)
        length = float(np.linalg.norm(mean))
        return mean / length if length else None
