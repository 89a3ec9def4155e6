"""Annotate: orders in, what the annotator says of them out, the moment it is said."""

from collections.abc import Iterator
from pathlib import Path

from models.annotators.annotator import Annotator
from stream.annotation.batcher import Batcher
from stream.annotation.client import AnnotatorClient
from stream.config import Options
from stream.pipeline.items import AnnotationOrder, Item
from stream.pipeline.stage import Facts, Stage


class Annotate(Stage):
    """Gives at least one answer or failure for every order. It has no state: open work is ordered again."""

    name = "annotate"

    def __init__(self, annotator: Annotator, keyframes: Path, options: Options) -> None:
        self._annotator = annotator
        self._asking = AnnotatorClient(annotator, keyframes, hint=options.annotator.hint)
        size_max = min(options.annotator.batch or annotator.batch_max, annotator.batch_max)
        self._batches = Batcher(size_max, options.annotator.max_wait_s)

    def on_item(self, item: Item) -> Iterator[Item]:
        """Let an order wait for others of its batch; ``on_notify`` asks about them."""
        if isinstance(item, AnnotationOrder):
            self._batches.add(item)
        else:
            yield item

    def on_end(self) -> Iterator[Item]:
        """Ask about all that wait: no others come."""
        while batch := self._batches.rest():
            yield from self._asking.ask(batch)

    def notify_at(self) -> float | None:
        return self._batches.due_at()

    def on_notify(self, now_s: float) -> Iterator[Item]:
        """Ask about the batch that is due, if one is."""
        if batch := self._batches.due(now_s):
            yield from self._asking.ask(batch)

    def facts(self) -> Facts:
        return {"annotator": self._annotator.facts()}
