"""Annotate: tasks in, the annotator's responses out, as soon as they come."""

from collections.abc import Callable, Iterator
from pathlib import Path

from models.annotators.annotator import Annotator, AnnotatorFacts
from stream.annotation.batcher import Batcher
from stream.annotation.client import AnnotatorClient
from stream.config import Options
from stream.pipeline.items import AnnotationTask, Item
from stream.pipeline.stage import Stage, StageFacts


class Annotate(Stage):
    """Gives at least one response for every task. It has no state: open tasks are sent again when the run resumes."""

    name = "annotate"

    def __init__(
        self,
        annotator: Annotator,
        keyframes: Path,
        options: Options,
        facts: Callable[[], AnnotatorFacts] | None = None,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        """``keyframes`` is the keyframe cache's folder; ``facts`` default to the annotator's; ``close`` releases it."""
        self._facts = facts or annotator.facts
        self._close = close
        self._client = AnnotatorClient(annotator, keyframes, hint=options.annotator.hint)
        size_max = min(options.annotator.batch or annotator.batch_max, annotator.batch_max)
        self._batches = Batcher(size_max, options.annotator.max_wait_s)

    def on_item(self, item: Item) -> Iterator[Item]:
        """Let a task wait for others of its batch; ``on_notify`` requests them together."""
        if isinstance(item, AnnotationTask):
            self._batches.add(item)
        else:
            yield item

    def on_end(self) -> Iterator[Item]:
        """Request all that wait: no others come."""
        while batch := self._batches.rest():
            yield from self._client.annotate(batch)

    def notify_at(self) -> float | None:
        return self._batches.due_at()

    def on_notify(self, now_s: float) -> Iterator[Item]:
        """Request the batch that is due, if one is."""
        if batch := self._batches.due(now_s):
            yield from self._client.annotate(batch)

    def facts(self) -> StageFacts:
        return {"annotator": self._facts()}

    def close(self) -> None:
        """Release the annotator."""
        self._close()
