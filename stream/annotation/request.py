"""From a closed segment to the request that the annotator gets, with its frames from the keyframe cache."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from models.annotators.annotator import AnnotationRequest, RequestFrame
from stream.annotation.cuts import preceding_choice
from stream.pipeline.facts import SegmentClosed
from stream.records.store.keyframes import digest, in_ms, keyframes_within

_HINTS = {
    "typical": "typical of this recording",
    "anomalous": "anomalous: unlike the rest of this recording",
    "unknown": "not compared with the rest of this recording",
}


class FramesMissingError(Exception):
    """The keyframes of a segment are no longer in the keyframe cache, or not as they were: one sentence."""


def request_of(
    segment: SegmentClosed,
    frames: tuple[RequestFrame, ...] = (),
    hint: str | None = None,
    preceding: tuple[RequestFrame, ...] = (),
) -> AnnotationRequest:
    """The request for a segment; without its frames, it is what a response is checked against."""
    return AnnotationRequest(
        segment_id=segment.segment_id,
        frames_digest=segment.frames_digest,
        duration_s=segment.t_end_s - segment.t_start_s,
        frames=frames,
        width_px=segment.keyframe_width_px,
        height_px=segment.keyframe_height_px,
        hint=hint,
        preceding=preceding,
    )


def read_frames(segment: SegmentClosed, keyframes: Path) -> tuple[RequestFrame, ...]:
    """A segment's frames from the keyframe cache in ``keyframes``, checked against its digest.

    Raises:
        FramesMissingError: the keyframe cache does not hold them as they were when the segment was closed.
    """
    paths = keyframes_within(keyframes, segment.t_start_s, segment.t_end_s)
    try:
        jpegs = [path.read_bytes() for path in paths]
    except FileNotFoundError as error:
        raise FramesMissingError("its keyframes left the keyframe cache while they were read") from error
    if len(jpegs) != segment.keyframes:
        raise FramesMissingError(f"of its {segment.keyframes} keyframes {len(jpegs)} are in the keyframe cache")
    if digest(sha256(jpeg).hexdigest() for jpeg in jpegs) != segment.frames_digest:
        raise FramesMissingError("its keyframes in the keyframe cache are not those it was closed with")
    return _frames(segment, paths, jpegs)


def read_preceding(segment: SegmentClosed, from_s: float, keyframes: Path) -> tuple[RequestFrame, ...]:
    """A few keyframes from before a segment, from ``from_s`` on, whose times are below 0; none where they are gone."""
    paths = keyframes_within(keyframes, from_s, segment.t_start_s)
    chosen = [paths[index] for index in preceding_choice(len(paths))]
    try:
        return _frames(segment, chosen, [path.read_bytes() for path in chosen])
    except FileNotFoundError:
        return ()


def _frames(segment: SegmentClosed, paths: Sequence[Path], jpegs: Sequence[bytes]) -> tuple[RequestFrame, ...]:
    start_ms = in_ms(segment.t_start_s)
    return tuple(
        RequestFrame((int(path.stem) - start_ms) / 1000, jpeg) for path, jpeg in zip(paths, jpegs, strict=True)
    )


def hint_of(segment: SegmentClosed) -> str:
    """The detector's result, in words."""
    kind = _HINTS[segment.kind]
    return kind if segment.period_s is None else f"{kind}; the motion repeats about every {segment.period_s:.1f} s"
