"""Requests whose segment was cut from the one before it, with pictures of that one's end."""

from dataclasses import replace

from models.annotators.annotator import AnnotationRequest
from tests.support.noise_segments import noise_segment

BEFORE_S = (-2.7, -1.7, -0.7)


def with_preceding(request: AnnotationRequest, seed: int = 90) -> AnnotationRequest:
    """The request with three pictures of noise from before its segment."""
    before = noise_segment((0.0, 1.0, 2.0), seed=seed, width_px=request.width_px, height_px=request.height_px)
    return replace(
        request, preceding=tuple(replace(frame, t_s=t_s) for frame, t_s in zip(before.frames, BEFORE_S, strict=True))
    )
