"""Detect: embeddings pass through, segments come beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from stream.detection.causal import CausalDetector
from stream.detection.options import DetectorOptions
from stream.detection.partition import Partition
from stream.detection.reference import unit_vector
from stream.items import Embedding, End, Item, Keyframe, Tile
from stream.packing import take
from stream.stage import State


class Detect:
    """Gives ``SegmentOpened`` and ``SegmentClosed`` that partition ``[0, decoded_s)``; passes all else on in order.

    The first segment is opened at 0 before the first picture or embedding; a segment that an embedding ends, or
    begins, comes right after it; the last one is closed right before ``End``. Where the run was stopped it stays
    open instead: such a run can be resumed. No frame, no segment. An embedding that is zero or not finite counts
    as a window of its segment, without a score; nothing is learned from it. Raises ``InputError`` when embeddings
    do not come in ascending time, or differ in their number of elements.
    """

    def __init__(self, options: DetectorOptions) -> None:
        self._detector = CausalDetector(options)
        self._partition = Partition(options)

    def on_item(self, item: Item) -> Iterator[Item]:
        match item:
            case Tile() | Keyframe():
                yield from self._partition.begin(item.t_s)
            case Embedding():
                yield from self._partition.begin(item.t_end_s)
            case End() if item.reason == "end_of_stream" and item.frames > 0:
                yield from self._partition.begin(item.decoded_s)
                yield from self._last_segments(item.decoded_s)
        yield item
        if isinstance(item, Embedding):
            unit = unit_vector(item.temporal)
            step = self._detector.push(item.t_sample_s, unit)
            yield from self._partition.window(step, unit, item.t_end_s)

    def on_end(self) -> Iterable[Item]:
        """Nothing: the last segment ends where ``End`` says."""
        return ()

    def snapshot(self) -> State:
        return {"detector": self._detector.snapshot(), "partition": self._partition.snapshot()}

    def restore(self, state: State) -> None:
        self._detector.restore(take(state, "detector", dict))
        self._partition.restore(take(state, "partition", dict))

    def _last_segments(self, decoded_s: float) -> Iterator[Item]:
        change = self._detector.finish()
        if change:
            yield from self._partition.change(change, decoded_s)
        yield from self._partition.end(decoded_s)
