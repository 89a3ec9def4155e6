"""Carries out the instructions of the annotation queue: event log, keyframes, raw responses, annotations.

It runs in the process that writes the records. The order of writes is fixed: the raw response, the actions, the event
that refers to them; then the keyframes may go. So the disk holds the queue's state: after a kill, closed segments
without an outcome are queued again, and responses that were written before it are used instead of requested again.
"""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

from models.annotators.annotator import AnnotationResponse
from stream.annotation.cuts import Cuts
from stream.annotation.keyframe_lifetimes import KeyframeLifetimes
from stream.annotation.outcome import OutcomeWriter
from stream.annotation.queue import AnnotationQueue
from stream.annotation.queue_messages import (
    ChannelReady,
    DropKeyframes,
    Finish,
    Instruction,
    KeepKeyframes,
    OutcomeRecorded,
    QueueEvent,
    RecordResponse,
    RecordRestart,
    RecordSkip,
    Refuse,
    ReleaseKeyframes,
    ResponseReplayed,
    SegmentSelected,
    SelectAgain,
    Send,
    StopRun,
)
from stream.annotation.raw_responses import read_responses
from stream.annotation.selection import Selection
from stream.config import Options
from stream.errors import ModelUnavailableError
from stream.pipeline.items import AnnotationTask, End
from stream.records.schema import events
from stream.records.schema.layout import RunLayout
from stream.records.store.event_log import ResumableLog, read_events
from stream.records.store.keyframes import KeyframeCache

_LOG: Final = logging.getLogger(__name__)


class AnnotationExecutor:
    """The annotation queue of a run, and everything that its instructions change."""

    def __init__(
        self,
        layout: RunLayout,
        log: ResumableLog,
        cache: KeyframeCache,
        options: Options,
        *,
        on_finish: Callable[[End], None] = lambda _: None,
    ) -> None:
        """Queue segments left open by an earlier attempt. ``on_finish`` is called when all segments are settled."""
        self._log = log
        self._cache = cache
        self._cuts = Cuts()
        self._keyframes = KeyframeLifetimes(cache, self._cuts, log.outcomes, keeps=options.keyframes.keep)
        self._blocks = options.keyframes.on_cache_full != "skip"
        self._keyframe_bytes_max = options.keyframes.px**2  # a JPEG has less than a byte a pixel
        self._on_finish = on_finish
        self._selection = Selection(layout, options)
        self._outcomes = OutcomeWriter(layout, log, options, self._cuts)
        self._has_annotator = options.annotator.enabled
        self._queue = AnnotationQueue(
            has_annotator=self._has_annotator, tolerates_absence=options.resolved.stream is not None
        )
        self._resume(layout)

    @property
    def has_room(self) -> bool:
        """Whether another keyframe fits; also true if waiting would not make room."""
        return not (self._blocks and self.open_segments) or self._cache.fits(self._keyframe_bytes_max)

    @property
    def open_segments(self) -> int:
        """Closed segments without an outcome."""
        return self._queue.open_segments

    def facts(self) -> dict[str, dict[str, int]]:
        """Number of refused responses, for ``run.json``; empty without an annotator."""
        return {"annotator": {"answers_refused": self._queue.refused}} if self._has_annotator else {}

    @property
    def has_message(self) -> bool:
        """Whether ``messages`` would yield anything."""
        return self._queue.has_message

    def close_segment(self, segment: events.SegmentClosed) -> None:
        """Take a closed segment whose event and keyframes are durable.

        On a resumed run it may come for the second time; then nothing is left to do.
        """
        self._take(segment, self._cache.count(segment.t_start_s, segment.t_end_s))

    def handle(self, event: QueueEvent) -> None:
        """Pass an event to the queue and carry out its instructions, one after the other.

        Raises:
            ModelUnavailableError: the annotator cannot work, and the run is useless without it.
        """
        for instruction in self._queue.handle(event):
            self._execute(instruction)

    def messages(self) -> Iterator[AnnotationTask | End]:
        """Messages that may be sent to the annotator now; take the next one only when there is room for it."""
        while instructions := self._queue.handle(ChannelReady()):
            for instruction in instructions:
                if isinstance(instruction, Send):
                    yield instruction.message
                else:
                    self._execute(instruction)

    def close(self) -> None:
        """Close the files."""
        self._outcomes.close()

    def _execute(self, instruction: Instruction) -> None:
        match instruction:
            case RecordResponse():
                self._record(instruction)
            case RecordSkip(skip):
                self._log.append(skip)
            case RecordRestart(process, reason):
                self._log.append(events.StageRestarted(process=process, reason=reason))
            case Refuse(response):
                _warn(response)
            case StopRun(reason):
                raise ModelUnavailableError(reason)
            case Finish(end):
                self._on_finish(end)
            case SelectAgain() | KeepKeyframes() | ReleaseKeyframes() | DropKeyframes():
                self._execute_on_segment(instruction)
            case Send():
                raise RuntimeError("the annotation queue sent a message before the channel was ready")

    def _execute_on_segment(self, instruction: SelectAgain | KeepKeyframes | ReleaseKeyframes | DropKeyframes) -> None:
        match instruction:
            case SelectAgain(segment):
                self._select(segment, self._cache.count(segment.t_start_s, segment.t_end_s))
            case KeepKeyframes(segment):
                self._keyframes.keep(segment)
            case ReleaseKeyframes(segment) | DropKeyframes(segment):
                self._keyframes.settle(segment)

    def _record(self, instruction: RecordResponse) -> None:
        segment = instruction.segment
        is_annotated = self._outcomes.record(segment, instruction.response, is_on_disk=instruction.is_on_disk)
        if not is_annotated:
            self._selection.forget(segment.segment_id)
        self.handle(OutcomeRecorded(segment.segment_id, is_annotated))

    def _take(self, segment: events.SegmentClosed, keyframes_there: int) -> None:
        self._keyframes.note(segment)
        outcome = self._log.outcomes.get(segment.segment_id)
        if outcome is None:
            self._select(segment, keyframes_there)
            return
        if outcome == "segment.annotated":
            self._selection.remember(segment)
        self._keyframes.settle(segment)

    def _select(self, segment: events.SegmentClosed, keyframes_there: int) -> None:
        task = AnnotationTask(segment, time.monotonic(), self._cuts.preceding_from_s(segment))
        self.handle(SegmentSelected(task, self._selection.select(segment, keyframes_there)))

    def _resume(self, layout: RunLayout) -> None:
        """Queue the segments that an earlier attempt closed and did not settle, and use the responses on disk."""
        open_since_s = 0.0
        for event in read_events(layout.events):
            if isinstance(event, events.SegmentClosed):
                self._take(event, event.keyframes)  # if some were removed since, the request will fail
                open_since_s = event.t_end_s
        self._cache.keep(open_since_s, sys.maxsize)
        last = {response.segment_id: response for response in read_responses(layout.raw_responses)}
        for segment_id, response in last.items():
            if segment_id not in self._log.reopened:
                self.handle(ResponseReplayed(response))


def _warn(refused: AnnotationResponse) -> None:
    _LOG.warning(
        "refused a response to segment %a, frames %a",
        refused.segment_id,
        refused.frames_digest,
        extra={"segment_id": refused.segment_id},
    )
