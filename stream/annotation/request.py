"""What the annotator is asked about a segment: first without its pixels, then with them."""

from hashlib import sha256
from pathlib import Path

from models.annotators.annotator import AnnotationRequest, Frame
from stream.pipeline.items import AnnotationOrder
from stream.records.schema import events
from stream.records.store.keyframes import digest, in_ms, keyframes_within


class FramesGoneError(Exception):
    """A segment's keyframes are not in the spool any more, or not as they were: one sentence."""


def order_of(closed: events.SegmentClosed, now_s: float) -> AnnotationOrder:
    """The order for a closed segment, made at ``now_s`` on the monotonic clock."""
    return AnnotationOrder(
        segment_id=closed.segment_id,
        t_start_s=closed.t_start_s,
        t_end_s=closed.t_end_s,
        kind=closed.kind,
        frames_digest=closed.frames_digest,
        keyframes=closed.keyframes,
        width_px=closed.keyframe_width_px,
        height_px=closed.keyframe_height_px,
        period_s=closed.period_s,
        ordered_at_s=now_s,
    )


def request_without_frames(order: AnnotationOrder, hint: str | None = None) -> AnnotationRequest:
    """What an answer is checked against."""
    return AnnotationRequest(
        segment_id=order.segment_id,
        frames_digest=order.frames_digest,
        duration_s=order.t_end_s - order.t_start_s,
        frames=(),
        width_px=order.width_px,
        height_px=order.height_px,
        hint=hint,
    )


def frames_of(order: AnnotationOrder, keyframes: Path) -> tuple[Frame, ...]:
    """A segment's frames from the spool, checked against its digest.

    Raises:
        FramesGoneError: the spool does not hold them as they were when the segment was closed.
    """
    paths = keyframes_within(keyframes, order.t_start_s, order.t_end_s)
    try:
        jpegs = [path.read_bytes() for path in paths]
    except FileNotFoundError as error:
        raise FramesGoneError("its keyframes left the spool while they were read") from error
    if len(jpegs) != order.keyframes:
        raise FramesGoneError(f"of its {order.keyframes} keyframes {len(jpegs)} are in the spool")
    if digest(sha256(jpeg).hexdigest() for jpeg in jpegs) != order.frames_digest:
        raise FramesGoneError("its keyframes in the spool are not those it was closed with")
    start_ms = in_ms(order.t_start_s)
    return tuple(Frame((int(path.stem) - start_ms) / 1000, jpeg) for path, jpeg in zip(paths, jpegs, strict=True))


def hint_of(order: AnnotationOrder) -> str:
    """What the detector found, in words."""
    kind = "typical of this recording" if order.kind == "typical" else "anomalous: unlike the rest of this recording"
    return kind if order.period_s is None else f"{kind}; the motion repeats about every {order.period_s:.1f} s"
