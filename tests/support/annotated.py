"""Recording and annotating without processes: items of the chain, tasks and responses."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import cv2
import numpy as np

from stream.config import Options
from stream.pipeline.facts import SegmentClosed, SegmentKind, SegmentOpened
from stream.pipeline.items import AnnotationTask, Embedding, End, Item, Keyframe, WorkerReady
from stream.pipeline.stage import drive, feed
from stream.records.schema import events
from stream.records.schema.layout import RunLayout
from stream.records.store.attempt import AttemptGuard
from stream.records.store.event_log import read_events
from stream.stages.annotate import Annotate
from stream.stages.record import Record
from stream.stages.store import EmbeddingWriter
from tests.support.fake_annotators import FakeAnnotator

E = TypeVar("E", bound=events.Event)

SECONDS = 5
"""Length of each segment, with a keyframe and a window in every second."""
JPEG_BYTES = 1000


def options(changes: Mapping[str, object] | None = None) -> Options:
    """Options of a run with an annotator; ``changes`` by path."""
    common = {"annotator.name": "openai", "keyframes.px": 64, "annotator.max_wait_s": 0}
    return Options(source="clip.mp4").replace({**common, **(changes or {})})


def closed(number: int, kind: SegmentKind = "typical") -> SegmentClosed:
    """Segment ``number`` of those that follow one another."""
    start_s = float(number * SECONDS)
    return SegmentClosed(
        f"s{number:04}", start_s, start_s + SECONDS, kind, "state_change", start_s + SECONDS, SECONDS, period_s=2.5
    )


def task(segment_id: str, queued_at_s: float = 0.0, **recorded: Any) -> AnnotationTask:  # noqa: ANN401
    """The task to describe a segment from 10.5 s to 15.25 s, with what else is recorded of it."""
    facts: dict[str, Any] = {"keyframe_width_px": 64, "keyframe_height_px": 36, "frames_digest": "0" * 64, **recorded}
    segment = SegmentClosed(segment_id, 10.5, 15.25, "typical", "state_change", 16.0, 4)
    return AnnotationTask(replace(segment, **facts), queued_at_s)


def jpeg(second: int) -> bytes:
    """A grey picture, always of the same size in bytes, and no two alike: decoders ignore what stands behind it."""
    _, coded = cv2.imencode(".jpg", np.full((36, 64, 3), 128, np.uint8))
    return coded.tobytes() + second.to_bytes(JPEG_BYTES - len(coded))


def segment(number: int, kind: SegmentKind = "typical", vector: Sequence[float] = (1.0, 0.0)) -> Iterator[Item]:
    """What the chain gives of a segment: its keyframes, its windows, and its end."""
    start_s = number * SECONDS
    yield SegmentOpened(f"s{number:04}", float(start_s), kind, float(start_s))
    for second in range(start_s, start_s + SECONDS):
        yield Keyframe(float(second), 64, 36, jpeg(second))
        mean = np.array(vector, np.float32)
        yield Embedding(second, float(second), second + 2.1, mean, mean[None].astype(np.float16))
    yield closed(number, kind)


def clip(count: int) -> Iterator[Item]:
    """A clip of so many segments, every third of them anomalous, up to its end."""
    for number in range(count):
        yield from segment(number, "anomalous" if number % 3 == 2 else "typical")
    yield end(count)


def end(count: int) -> End:
    """The end of a clip of so many segments."""
    return End("end_of_stream", float(count * SECONDS), count * SECONDS * 30)


@contextmanager
def recording(layout: RunLayout, options: Options) -> Iterator[Record]:
    """The record stage of a run with an annotator that is ready; closed at the end of the block."""
    record = Record(layout, options)
    try:
        if options.annotator.enabled:
            list(record.on_item(WorkerReady("annotate")))
        yield record
    finally:
        record.close()


def play(layout: RunLayout, options: Options, annotator: FakeAnnotator, items: Iterable[Item]) -> None:
    """Play the items into a record; its requests are answered before the next item."""
    annotate, keep = Annotate(annotator, layout.keyframes, options), EmbeddingWriter(layout, AttemptGuard(layout, 0))
    with closing(keep), recording(layout, options) as record:
        for item in drive(keep, items):
            list(record.on_item(item))
            exchange(record, annotate)


def exchange(record: Record, annotate: Annotate) -> None:
    """Give the annotator what is ordered, and the record what it says, until neither has anything more."""
    while orders := list(record.on_notify(0.0)):
        for order in orders:
            for result in feed(annotate, order):
                list(record.on_item(result))
        for result in annotate.on_notify(time.monotonic()):
            list(record.on_item(result))


def events_of(layout: RunLayout) -> list[events.Event]:
    """The run's events."""
    return list(read_events(layout.events))


def of_kind(layout: RunLayout, kind: type[E]) -> list[E]:
    """Its events of one kind."""
    return [event for event in events_of(layout) if isinstance(event, kind)]
