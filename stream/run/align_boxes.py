"""What is protected in the clip of a run: the boxes of the objects that its annotations name."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stream.alignment.episodes.source import EpisodeSource
from stream.alignment.items import SourceFrame
from stream.errors import UsageError
from stream.records.reading import open_run
from stream.records.schema.action import SceneObject


class BoxedEpisode:
    """The frames of a run's clip, with the boxes of the action at their time as protected region."""

    def __init__(self, source: EpisodeSource, run: Path) -> None:
        """Read the actions of ``run``.

        Raises:
            InputError: it is no run.
            UsageError: none of its objects has a box.
        """
        self.name, self.path, self.size_bytes = source.name, source.path, source.size_bytes
        self.width_px, self.height_px, self.k, self.coding = source.width_px, source.height_px, source.k, source.coding
        self._source = source
        found = open_run(run)
        self._actions = found.actions()
        self._keyframes_px = {
            each.segment_id: (each.keyframe_width_px, each.keyframe_height_px) for each in found.segments()
        }
        if not any(action.objects for action in self._actions):
            raise UsageError(f"--protect {run}: the annotations of this run have no boxes; describe it first")

    @property
    def frames(self) -> int | None:
        return self._source.frames

    def sha256(self) -> str:
        return self._source.sha256()

    def frames_from(self, first: int) -> Iterator[SourceFrame]:
        for frame in self._source.frames_from(first):
            yield replace(frame, is_protected=self._mask(frame.t_s))

    def close(self) -> None:
        self._source.close()

    def _mask(self, t_s: float | None) -> npt.NDArray[np.bool_]:
        """(H, W) whether a pixel is in a box of an action at this time."""
        mask = np.zeros((self.height_px, self.width_px), np.bool_)
        for action in self._actions:
            if t_s is not None and action.t_start_s <= t_s < action.t_end_s:
                for each in action.objects:
                    mask[self._slices(each, action.segment_id)] = True
        return mask

    def _slices(self, found: SceneObject, segment_id: str) -> tuple[slice, slice]:
        """Rows and columns of a box, which is in pixels of a keyframe of the same view."""
        x1, y1, x2, y2 = found.bbox
        width_px, height_px = self._keyframes_px.get(segment_id, (None, None))
        across = self.width_px / (found.keyframe_width_px or width_px or self.width_px)
        down = self.height_px / (found.keyframe_height_px or height_px or self.height_px)
        rows = slice(max(0, int(np.floor(y1 * down))), max(0, int(np.ceil(y2 * down))))
        return rows, slice(max(0, int(np.floor(x1 * across))), max(0, int(np.ceil(x2 * across))))
