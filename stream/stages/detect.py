"""The stage that detects: it passes embeddings on and adds segments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stream.detection.centroid import unit_vector
from stream.detection.detector import CausalDetector
from stream.detection.options import DetectorOptions
from stream.detection.segmenter import Segmenter, number_of
from stream.detection.stretches import Span
from stream.pipeline.facts import ClosedBy, Fact, SourceGap, SourceLost
from stream.pipeline.items import Embedding, EncoderFrame, End, Item, Keyframe, Motion
from stream.pipeline.stage import Stage, State
from stream.pipeline.state import take
from stream.records.schema import events


class Detect(Stage):
    """Adds ``SegmentOpened`` and ``SegmentClosed``; segments partition ``[0, decoded_s)`` except for gaps.

    All items but ``Motion``, which ends here, are passed on in order. The first segment is opened at 0 before the first
    picture or embedding. A segment that begins or ends with an embedding follows right after it. The last one is closed
    right before ``End``, and one that a gap ends right before ``SourceLost``. If the run was stopped, the segment stays
    open, since the run can be resumed. Without frames there is no segment. An embedding that is zero or not finite
    counts as a window of its segment, but has no score, and the detector does not learn from it. A segment without any
    other window, or one that ends in the first warm-up, is of unknown kind.

    Raises:
        InputError: embeddings do not come in ascending time, or differ in their number of elements.
    """

    name = "detect"

    def __init__(self, options: DetectorOptions, normal: State | None = None, around_s: Span = (0.0, 0.0)) -> None:
        """``normal`` is what the detector begins with, if it does not begin with nothing; ``around_s`` is that of the
        windows' ``Sampling``, if that is known."""
        self._detector = CausalDetector(options, normal)
        self._segmenter = Segmenter(options, around_s)

    def on_item(self, item: Item) -> Iterator[Item]:
        match item:
            case Motion():
                self._segmenter.motion(item)
                return
            case EncoderFrame() | Keyframe():
                yield from self._segmenter.begin(item.t_s)
            case Embedding():
                yield from self._segmenter.begin(item.t_end_s)
            case SourceLost():
                yield from self._end(item.t_s, "source_lost")
            case SourceGap():
                yield from self._end(item.t_start_s, "source_lost")
                self._segmenter.resume(item.t_end_s)
            case End() if item.reason == "end_of_stream" and item.frames > 0:
                yield from self._end(item.decoded_s, "end_of_stream")
        yield item
        if isinstance(item, Embedding):
            unit = unit_vector(item.temporal)
            step = self._detector.push(item.t_sample_s, unit)
            yield from self._segmenter.window(step, unit, item.t_end_s)

    def snapshot(self) -> State:
        return {"detector": self._detector.snapshot(), "partition": self._segmenter.snapshot()}

    def restore(self, state: State) -> None:
        self._detector.restore(take(state, "detector", dict))
        self._segmenter.restore(take(state, "partition", dict))

    def catch_up(self, recorded: Sequence[Fact]) -> None:
        """After ``restore``: continue after the recorded segments."""
        for event in recorded:
            match event:
                case events.SegmentOpened():
                    number = number_of(event.segment_id)
                    self._segmenter.resume_from(number, event.kind, start_s=event.t_start_s)
                case events.SegmentClosed():
                    self._segmenter.resume_from(number_of(event.segment_id) + 1, "typical", next_s=event.t_end_s)
                case events.SourceGap():
                    self._segmenter.resume(event.t_end_s)

    def _end(self, t_s: float, closed_by: ClosedBy) -> Iterator[Item]:
        """Close the open segment, if there is one, when the source ends or is lost."""
        for change in self._detector.finish():
            yield from self._segmenter.change(change, t_s)
        yield from self._segmenter.end(t_s, closed_by)
        self._detector.interrupt()
