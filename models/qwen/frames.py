"""What of a segment is shown to a Qwen-VL model: pictures of a size its patches divide, at times that are true.

Qwen2.5-VL knows one step of time for a whole video, Qwen3-VL reads a time in the text before every pair of pictures.
So pictures are chosen evenly, and each keeps its own time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from models.annotator import AnnotationRequest
from models.encoder import UInt8

TICKS: Final = 1_000_000
"""A second in the metadata's whole numbers: times are then true to a microsecond."""


@dataclass(frozen=True, slots=True)
class Clip:
    """The pictures of a segment that the model sees."""

    pictures: UInt8
    """(T, height, width, 3) uint8, RGB."""
    times_s: tuple[float, ...]
    """T times from the segment's start."""
    step_s: float
    """The even step that the times follow."""

    def metadata(self) -> dict[str, object]:
        """``VideoMetadata`` for transformers: ``timestamps`` are the times, and ``sampled_fps`` is 1 / step."""
        count = len(self.times_s)
        return {
            "fps": TICKS,
            "frames_indices": [round(t_s * TICKS) for t_s in self.times_s],
            "total_num_frames": round(count * self.step_s * TICKS),
        }


def make_clip(request: AnnotationRequest, *, frames_max: int, side_px: int, pixels_max: int) -> Clip:
    """Choose, decode and scale the pictures of a segment.

    Args:
        request: the segment.
        frames_max: T is at most this.
        side_px: of the square that becomes one visual token; it divides width and height.
        pixels_max: a picture has at most as many.

    Raises:
        ValueError: a frame is no picture, or has another size than the request says.
    """
    chosen, step_s = even_choice([frame.t_s for frame in request.frames], frames_max)
    size = shown_size(request.width_px, request.height_px, side_px=side_px, pixels_max=pixels_max)
    scaled = {index: cv2.resize(decoded(request, index), size, interpolation=cv2.INTER_AREA) for index in set(chosen)}
    pictures = np.stack([scaled[index] for index in chosen]).astype(np.uint8, copy=False)
    return Clip(pictures, tuple(request.frames[index].t_s for index in chosen), step_s)


def even_choice(times_s: Sequence[float], most: int) -> tuple[list[int], float]:
    """Which frames come nearest to an even grid of at most ``most`` times, and the grid's step in seconds.

    Of frames that are even already it is every one, or every second, third, ...: the step is then exact. Of others it
    is for each time of the grid the nearest frame, which in a gap may be the same one several times.
    """
    stride = math.ceil(len(times_s) / most)
    spanned = times_s[::stride]
    if len(spanned) < 2 or spanned[-1] <= spanned[0]:
        return [0], 1.0
    grid = np.linspace(spanned[0], spanned[-1], len(spanned))
    nearest = np.abs(np.asarray(times_s)[None] - grid[:, None]).argmin(axis=1)
    return nearest.tolist(), float(grid[1] - grid[0])


def shown_size(width_px: int, height_px: int, *, side_px: int, pixels_max: int) -> tuple[int, int]:
    """Width and height that a picture is shown at: whole squares, at most ``pixels_max``, and hardly ever enlarged."""
    scale = min(1.0, math.sqrt(pixels_max / (width_px * height_px)))
    columns, rows = (max(1, round(length * scale / side_px)) for length in (width_px, height_px))
    while columns * rows * side_px**2 > pixels_max and max(columns, rows) > 1:
        columns, rows = (columns - 1, rows) if columns >= rows else (columns, rows - 1)
    return columns * side_px, rows * side_px


def decoded(request: AnnotationRequest, index: int) -> cv2.typing.MatLike:
    """One frame of a segment, (height, width, 3) uint8, RGB.

    Raises:
        ValueError: it is no picture, or has another size than the request says.
    """
    frame = request.frames[index]
    data = np.frombuffer(frame.jpeg, np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if data.size else None
    if picture is None:
        raise ValueError(f"the frame at {frame.t_s:.3f} s of segment {request.segment_id} is no picture")
    if picture.shape[:2] != (request.height_px, request.width_px):
        height, width = picture.shape[:2]
        raise ValueError(
            f"the frame at {frame.t_s:.3f} s of segment {request.segment_id} has {width}x{height} pixels, "
            f"expected {request.width_px}x{request.height_px}"
        )
    return picture
