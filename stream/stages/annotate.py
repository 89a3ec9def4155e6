"""Annotate: orders in, what the annotator says of them out, the moment it is said."""

from collections.abc import Iterator
from pathlib import Path

from models.annotators.annotator import Annotator
from stream.annotation.batcher import Batcher
from stream.annotation.client import AnnotatorClient
from stream.config import Options
from stream.pipeline.items import AnnotationOrder, End, Item
from stream.pipeline.stage import State


class Annotate:
    """Gives at least one answer or failure for every order. It keeps nothing on disk: open work is ordered again."""

    def __init__(self, annotator: Annotator, keyframes: Path, options: Options) -> None:
        self._asking = AnnotatorClient(annotator, keyframes, hint=options.annotator_hint)
        size_max = min(options.annotator_batch or annotator.batch_max, annotator.batch_max)
        self._batches = Batcher(size_max, options.annotator_latency_s)

    def on_item(self, item: Item) -> Iterator[Item]:
        """Let an order wait for company; ``due`` asks about it."""
        match item:
            case AnnotationOrder():
                self._batches.add(item)
            case End():
                yield item

    def on_end(self) -> Iterator[Item]:
        """No more company comes."""
        while batch := self._batches.rest():
            yield from self._asking.ask(batch)

    def due(self, now_s: float) -> Iterator[Item]:
        """What is said of the batch that is due at ``now_s`` on the monotonic clock, if one is."""
        if batch := self._batches.due(now_s):
            yield from self._asking.ask(batch)

    def snapshot(self) -> State:
        return {}

    def restore(self, state: State) -> None:
        """There is nothing to put back."""
