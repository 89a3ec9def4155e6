"""The boxes of an episode's objects, in pixels of its pictures."""

from collections.abc import Iterator
from dataclasses import dataclass

from exporters.dataset.data_set import DataSet
from exporters.dataset.rows import Row


@dataclass(frozen=True, slots=True)
class FrameBox:
    """An object on one frame; what is before and after it, nobody has looked at."""

    frame: int
    name: str
    rigid: bool
    x1_px: float
    y1_px: float
    x2_px: float
    y2_px: float


def frame_boxes(data_set: DataSet, row: Row) -> Iterator[FrameBox]:
    """The boxes of each action, on the frame of their keyframe.

    There are none if the pictures do not show what the annotator was shown: it saw rectified keyframes, and these
    are recorded pictures. A box is cut at the picture's edges, and left out if nothing of it remains.
    """
    if not data_set.shows_keyframes(row):
        return
    width_px, height_px = row.clip.width_px, row.clip.height_px
    for action in row.episode.actions:
        for box in action.objects:
            t_s = action.t_start_s if box.t_s is None else box.t_s
            frame = min(round(t_s * row.episode.fps), row.episode.frames - 1)
            if not (box.width_px and box.height_px):
                continue  # of an unknown size: it cannot be converted
            x1, x2 = (_clamped(box.xyxy[place] * width_px / box.width_px, width_px) for place in (0, 2))
            y1, y2 = (_clamped(box.xyxy[place] * height_px / box.height_px, height_px) for place in (1, 3))
            if x1 < x2 and y1 < y2:
                yield FrameBox(frame, box.name, box.rigid, x1, y1, x2, y2)


def _clamped(value_px: float, size_px: int) -> float:
    return min(max(value_px, 0.0), float(size_px))
