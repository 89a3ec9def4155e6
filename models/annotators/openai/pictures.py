"""The pictures of a segment as they are sent to a server: a few, and of a size that it does not change.

A server scales a picture to whole squares of its model, and at least some of them, before the model sees it
(``smart_resize`` of Qwen2-VL's image processor in transformers, which vLLM and SGLang follow). Boxes in pixels lie in
the scaled picture; if it is sent at such a size, its size is known here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2

from models.annotators.annotator import AnnotationRequest, RequestFrame
from models.annotators.box_space import ModelFamily
from models.annotators.frame_selection import spread_choice
from models.annotators.qwen.frames import picture_of, shown_size

_JPEG_QUALITY: Final = 92


@dataclass(frozen=True, slots=True)
class SentPictures:
    """The frames of a segment that are sent, and their one size."""

    frames: tuple[RequestFrame, ...]
    width_px: int
    height_px: int
    preceding: tuple[RequestFrame, ...] = ()
    """From before the segment."""


def sent_pictures(request: AnnotationRequest, family: ModelFamily, *, frames_max: int, pixels_max: int) -> SentPictures:
    """Choose frames evenly, and scale them to whole squares of the family; frames of such a size stay as they are.

    Raises:
        ValueError: a frame that has to be scaled is not a picture, or not of the request's size.
    """
    indices = spread_choice(len(request.frames), frames_max)
    side_px = family.side_px
    squares_min = min(family.squares_min, pixels_max // side_px**2)
    size = shown_size(
        request.width_px, request.height_px, side_px=side_px, pixels_max=pixels_max, squares_min=squares_min
    )
    chosen = tuple(request.frames[index] for index in indices)
    if size == (request.width_px, request.height_px):
        return SentPictures(chosen, *size, request.preceding)

    def scaled(frames: Sequence[RequestFrame]) -> tuple[RequestFrame, ...]:
        return tuple(RequestFrame(frame.t_s, _scaled(picture_of(request, frame), size)) for frame in frames)

    return SentPictures(scaled(chosen), *size, scaled(request.preceding))


def _scaled(picture: cv2.typing.MatLike, size: tuple[int, int]) -> bytes:
    """A picture, (height, width, 3) RGB, as a JPEG of another size."""
    scaled = cv2.cvtColor(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", scaled, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return jpeg.tobytes()
