"""Describes the segments of a finished run that have no description, or whose description failed."""

from collections.abc import Iterator, Mapping, Sequence

from models.annotators.annotator import AnnotationAnswer, AnnotationFailure, AnnotationResponse
from stream.annotation.executor import AnnotationExecutor
from stream.annotation.selection import may_be_reopened
from stream.errors import ModelUnavailableError
from stream.pipeline.facts import SegmentClosed
from stream.pipeline.items import AnnotationTask, AnnotatorUnavailable, Item, WorkerReady
from stream.records.follower import Follower
from stream.records.schema.events import Outcome
from stream.records.store.event_log import ResumableLog
from stream.run.annotation_work import AnnotationWork
from stream.run.source_keyframes import SourceKeyframes
from stream.runtime.processes import ANNOTATE
from stream.stages.annotate import Annotate
from stream.ui.text import count


class SegmentWork(AnnotationWork):
    """Does the work of the chain's last two processes in one: each request is answered at once."""

    def _reopens(self, outcome: Outcome, outcomes: Mapping[str, Outcome]) -> bool:
        return may_be_reopened(outcome, outcomes, self._options)

    def _describe(self, log: ResumableLog, closed: Sequence[SegmentClosed]) -> bool:
        waiting = [segment for segment in closed if segment.segment_id not in log.outcomes]
        if not waiting:
            return False
        work = self._load(waiting)
        self._begin(log)
        follower = Follower(self._layout.events, since=log.count)
        executor = AnnotationExecutor(self._target.layout, log, work.cache, self._options)
        executor.handle(WorkerReady(ANNOTATE.name))
        total, done = len(waiting), 0
        self._view.status(f"describing {count(total, 'segment')}")
        batch = min(self._options.annotator.batch or work.annotator.batch_max, work.annotator.batch_max)
        stage = Annotate(work.annotator, self._layout.keyframes, self._options)
        try:
            for response in _responses(executor, stage, work.keyframes, batch):
                executor.handle(response)
                for event, _ in follower.poll():
                    done += isinstance(event, Outcome)
                    self._view.event(event)
                self._view.status(f"{done} of {count(total, 'segment')} done")
        finally:
            executor.close()
            follower.close()
            self._record_facts(work, executor.facts()["annotator"])
        return True


def _responses(
    executor: AnnotationExecutor, annotate: Annotate, keyframes: SourceKeyframes, batch: int
) -> Iterator[AnnotationResponse]:
    """All responses; the caller handles each before the next requests are made.

    The keyframes of one batch are provided at a time, so that those of a long clip need not fit into the cache.

    Raises:
        ModelUnavailableError: the annotator can answer no request; the remaining segments are left for another call.
    """
    while tasks := [each for each in executor.messages() if isinstance(each, AnnotationTask)]:
        for first in range(0, len(tasks), batch):
            for task in tasks[first : first + batch]:
                keyframes.provide(task.segment, task.preceding_from_s)
                yield from _only_responses(annotate.on_item(task))
            yield from _only_responses(annotate.on_end())


def _only_responses(items: Iterator[Item]) -> Iterator[AnnotationResponse]:
    for item in items:
        if isinstance(item, AnnotatorUnavailable):
            raise ModelUnavailableError(item.reason)
        if isinstance(item, AnnotationAnswer | AnnotationFailure):
            yield item
