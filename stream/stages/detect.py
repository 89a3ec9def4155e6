"""Detect: embeddings pass through, segments come beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stream.detection.centroid import unit_vector
from stream.detection.detector import CausalDetector
from stream.detection.options import DetectorOptions
from stream.detection.segmenter import Segmenter, number_of
from stream.pipeline.facts import ClosedBy, Fact, SourceGap, SourceLost
from stream.pipeline.items import Embedding, EncoderFrame, End, Item, Keyframe
from stream.pipeline.stage import Stage, State
from stream.pipeline.state import take
from stream.records.schema import events


class Detect(Stage):
    """Gives ``SegmentOpened`` and ``SegmentClosed`` that partition ``[0, decoded_s)``, but for gaps of a live source.

    All else is passed on in order. The first segment is opened at 0 before the first picture or embedding; a segment
    that an embedding ends, or begins, comes right after it; the last one is closed right before ``End``, and the one
    that a gap ends right before ``SourceLost``. Where the run was stopped it stays open instead: such a run can be
    resumed. No frame, no segment. An embedding that is zero or not finite counts as a window of its segment, without
    a score; nothing is learned from it. Raises ``InputError`` when embeddings do not come in ascending time, or differ
    in their number of elements.
    """

    name = "detect"

    def __init__(self, options: DetectorOptions) -> None:
        self._detector = CausalDetector(options)
        self._segmenter = Segmenter(options)

    def on_item(self, item: Item) -> Iterator[Item]:
        match item:
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
        """After ``restore``: continue behind the segments that were recorded."""
        for event in recorded:
            match event:
                case events.SegmentOpened():
                    number = number_of(event.segment_id)
                    self._segmenter.go_on(number, event.kind, start_s=event.t_start_s)
                case events.SegmentClosed():
                    self._segmenter.go_on(number_of(event.segment_id) + 1, "typical", next_s=event.t_end_s)
                case events.SourceGap():
                    self._segmenter.resume(event.t_end_s)

    def _end(self, t_s: float, closed_by: ClosedBy) -> Iterator[Item]:
        """Close the open segment, if there is one, where the source ends or goes away."""
        if (change := self._detector.finish()) is not None:
            yield from self._segmenter.change(change, t_s)
        yield from self._segmenter.end(t_s, closed_by)
        self._detector.interrupt()
