"""Requests for the parts of a clip that is described as a whole, and what their answers say."""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

from models.annotators.annotator import AnnotationAnswer, AnnotationRequest, RequestFrame
from models.annotators.context import actions_max_for
from models.annotators.response.description import Description
from models.annotators.response.parse import parse_answer
from stream.annotation.clip_parts import ClipPart
from stream.annotation.outcome import actions_of
from stream.pipeline.facts import SegmentClosed
from stream.records.schema.annotations import Action
from stream.records.store.keyframes import digest


def segments_of(part: ClipPart, closed: Sequence[SegmentClosed]) -> list[SegmentClosed]:
    """The segments that a part overlaps with."""
    return [each for each in closed if each.t_start_s < part.t_end_s and each.t_end_s > part.t_start_s]


def request_for(
    part: ClipPart, parts: Sequence[ClipPart], closed: Sequence[SegmentClosed], frames: tuple[RequestFrame, ...]
) -> AnnotationRequest:
    """The request for a part, one of ``parts``, with its frames."""
    frames_digest = digest(sha256(frame.jpeg).hexdigest() for frame in frames)
    return replace(_request_of(part, closed, frames_digest), frames=frames, note=_note(part, parts))


def description_of(part: ClipPart, answer: AnnotationAnswer, closed: Sequence[SegmentClosed]) -> Description:
    """What an answer says; its times are within the part.

    Raises:
        AnswerError: it does not answer the request.
    """
    request = _request_of(part, closed, answer.frames_digest)
    return parse_answer(answer.raw, request, answer.box_space, answer.frame_times_s, answer.form)


def actions_in_part(part: ClipPart, answer: AnnotationAnswer, closed: Sequence[SegmentClosed]) -> list[Action]:
    """The actions of a part in stream time, in order; they name no segment yet.

    Raises:
        AnswerError: as ``description_of``.
    """
    width_px, height_px = _size_px(part, closed)
    as_segment = SegmentClosed(
        part.part_id, part.t_start_s, part.t_end_s, "unknown", "end_of_stream", part.t_end_s, 0,
        keyframe_width_px=width_px, keyframe_height_px=height_px,
    )  # fmt: skip
    return actions_of(as_segment, description_of(part, answer, closed))


def _request_of(part: ClipPart, closed: Sequence[SegmentClosed], frames_digest: str) -> AnnotationRequest:
    """The request without its frames: it is what a response is checked against."""
    duration_s = part.t_end_s - part.t_start_s
    actions_max = actions_max_for(duration_s)
    return AnnotationRequest(
        part.part_id, frames_digest, duration_s, (), *_size_px(part, closed), actions_max=actions_max
    )


def _size_px(part: ClipPart, closed: Sequence[SegmentClosed]) -> tuple[int, int]:
    """Width and height of its keyframes, which have one size."""
    return next(
        (each.keyframe_width_px, each.keyframe_height_px) for each in segments_of(part, closed) if each.keyframes
    )


def _note(part: ClipPart, parts: Sequence[ClipPart]) -> str:
    changes = "an action begins where the work changes, however long it lasts"
    if len(parts) == 1:
        return f"The segment is a whole recording: {changes}."
    place = f"The segment is part {parts.index(part) + 1} of {len(parts)} of a recording"
    return f"{place}: {changes}, and may have begun before the part or go on after it."
