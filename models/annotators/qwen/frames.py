"""Prepares the frames of a segment for a Qwen-VL model: sizes are multiples of its patches, and times are true.

Qwen2.5-VL assumes one time step for a whole video, so it is shown evenly spaced frames; if they show a part of the
segment only, it may describe that part only. Qwen3-VL reads a time in the
text before every pair of frames, so it is shown any frames, each with its own time.
"""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from models.annotators.annotator import AnnotationRequest, RequestFrame
from models.annotators.frame_selection import OFF_S_MAX, OFF_SHARE_MAX, even_choice, spread_choice
from models.annotators.response.schema import Stretch
from models.encoders.encoder import UInt8

TICKS: Final = 1_000_000
"""Ticks a second in the metadata, whose times are whole numbers: precise to a microsecond."""
_STEP_OF_ONE_S: Final = 1.0
"""Placeholder for a single frame, which has no step; it has no effect."""


@dataclass(frozen=True, slots=True)
class VideoInput:
    """The frames of a segment that the model is shown."""

    pictures: UInt8
    """(T, height, width, 3) uint8, RGB."""
    times_s: tuple[float, ...]
    """T times, in seconds from the segment's start."""
    step_s: float
    """Mean time between two frames; each step equals it if the choice was even."""
    stretch: Stretch | None = None
    """The part of the segment that even frames show, if it is not the whole."""
    preceding: tuple[UInt8, ...] = ()
    """Those from before the segment, of the same size and form."""

    def metadata(self) -> dict[str, object]:
        """``VideoMetadata`` for transformers: ``timestamps`` are the times, and ``sampled_fps`` is 1 / step."""
        count = len(self.times_s)
        return {
            "fps": TICKS,
            "frames_indices": [round(t_s * TICKS) for t_s in self.times_s],
            "total_num_frames": round(count * self.step_s * TICKS),
        }


def video_input(
    request: AnnotationRequest, *, frames_max: int, even: bool, side_px: int, pixels_max: int
) -> VideoInput:
    """Choose, decode and scale the frames of a segment.

    Args:
        request: the segment.
        frames_max: upper bound of T.
        even: whether the times must be evenly spaced.
        side_px: side of the square that becomes one visual token; width and height are multiples of it.
        pixels_max: maximum number of pixels of a frame.

    Raises:
        ValueError: a frame is not a picture, or not of the request's size.
    """
    times_s = [frame.t_s for frame in request.frames]
    chosen = even_choice(times_s, frames_max) if even else spread_choice(len(times_s), frames_max)
    size = shown_size(request.width_px, request.height_px, side_px=side_px, pixels_max=pixels_max)
    scaled = [_scaled(picture_of(request, request.frames[index]), size) for index in chosen]
    shown_s = tuple(times_s[index] for index in chosen)
    step_s = (shown_s[-1] - shown_s[0]) / (len(shown_s) - 1) if len(shown_s) > 1 else _STEP_OF_ONE_S
    stretch = shown_stretch(shown_s, step_s, request.duration_s) if even else None
    preceding = tuple(_scaled(picture_of(request, frame), size) for frame in request.preceding)
    return VideoInput(np.stack(scaled), shown_s, step_s, stretch, preceding)


def with_valid_preceding(request: AnnotationRequest) -> AnnotationRequest:
    """The request without preceding frames that are no pictures of its size: they must not cost it its description."""
    valid: list[RequestFrame] = []
    for frame in request.preceding:
        with suppress(ValueError):
            picture_of(request, frame)
            valid.append(frame)
    return replace(request, preceding=tuple(valid))


def shown_stretch(times_s: Sequence[float], step_s: float, duration_s: float) -> Stretch | None:
    """The part of a segment that evenly spaced frames show; None if it is the whole.

    A frame shows the time until the next one would come. What lies before the first frame is shown, too, if it is no
    longer than that: the first frame of a segment seldom comes at its very start.
    """
    allowed_s = step_s * (1 + OFF_SHARE_MAX) + OFF_S_MAX
    start_s = 0.0 if times_s[0] <= allowed_s else times_s[0]
    end_s = duration_s if duration_s - times_s[-1] <= allowed_s else times_s[-1] + step_s
    return None if (start_s, end_s) == (0.0, duration_s) else (start_s, end_s)


def shown_size(
    width_px: int, height_px: int, *, side_px: int, pixels_max: int, squares_min: int = 1
) -> tuple[int, int]:
    """Width and height at which a frame is shown: whole squares of ``side_px``, at most ``pixels_max``.

    A frame is hardly enlarged, but for a tiny one, which gets at least ``squares_min`` squares.
    """
    scale = min(1.0, math.sqrt(pixels_max / (width_px * height_px)))
    scale = max(scale, math.sqrt(squares_min * side_px**2 / (width_px * height_px)))
    columns, rows = (max(1, round(length * scale / side_px)) for length in (width_px, height_px))
    while columns * rows * side_px**2 > pixels_max and max(columns, rows) > 1:
        columns, rows = (columns - 1, rows) if columns >= rows else (columns, rows - 1)
    while columns * rows < squares_min:
        columns, rows = (columns + 1, rows) if columns < rows else (columns, rows + 1)
    return columns * side_px, rows * side_px


def _scaled(picture: cv2.typing.MatLike, size: tuple[int, int]) -> UInt8:
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def picture_of(request: AnnotationRequest, frame: RequestFrame) -> cv2.typing.MatLike:
    """A frame of a segment, or from before it, (height, width, 3) uint8, RGB.

    Raises:
        ValueError: it is not a picture, or not of the request's size.
    """
    data = np.frombuffer(frame.jpeg, np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if data.size else None
    if picture is None:
        raise ValueError(f"the frame at {frame.t_s:.3f} s of segment {request.segment_id} is not a picture")
    if picture.shape[:2] != (request.height_px, request.width_px):
        height, width = picture.shape[:2]
        raise ValueError(
            f"the frame at {frame.t_s:.3f} s of segment {request.segment_id} has {width}x{height} pixels, "
            f"expected {request.width_px}x{request.height_px}"
        )
    return picture
