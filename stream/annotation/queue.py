"""The annotation queue: a pure state machine that tracks each closed segment until its outcome.

Events go in, instructions come out; the worker state machine of dask.distributed is the model. There is no disk, clock,
socket or log in here: ``stream.annotation.executor`` carries out the instructions, in their order and each to its end,
and reports what came of them as further events.

A segment that is to be described is *waiting*, then *outstanding* (sent, and not answered yet), then *recording* (its
outcome is being written). A segment that is similar to one of those is *held* until that one's outcome is known: it is
skipped if that one was described, and selected again if not. Then it is settled, and the queue forgets it.

Why no segment waits forever: requests are sent only while the annotator is ready, at most ``OUTSTANDING_MAX`` ahead of
its responses, so that sending never blocks and responses are always received. Every request is answered, or the
annotator's process exits, which is an event.

When that process exits, the outstanding segments are suspects: one of them may have caused it. They are sent again, one
at a time, before all others, and the segment over which the process exits again, alone, has failed. Suspects are
forgotten when the run ends, on purpose: when every process was killed, no single segment is to blame.
"""

from collections.abc import Iterator
from typing import Final

from models.annotators.annotator import AnnotationAnswer, AnnotationFailure, AnnotationResponse
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
from stream.pipeline.facts import SegmentClosed
from stream.pipeline.items import AnnotationTask, AnnotatorUnavailable, End, WorkerExited, WorkerReady
from stream.records.schema.events import NO_ANNOTATOR, NO_RESPONSE

OUTSTANDING_MAX: Final = 64
"""Maximum number of requests that the annotator has at once."""


class AnnotationQueue:
    """Gives every selected segment exactly one outcome, even if the annotator fails at any moment."""

    def __init__(
        self,
        *,
        has_annotator: bool = True,
        tolerates_absence: bool = False,
        outstanding_max: int = OUTSTANDING_MAX,
    ) -> None:
        """``tolerates_absence``: whether the run continues even if the annotator was never able to answer.

        A run that has had an answer continues in any case.
        """
        self._tolerates_absence = tolerates_absence
        self._outstanding_max = outstanding_max
        self._waiting: dict[str, AnnotationTask] = {}
        self._outstanding: dict[str, AnnotationTask] = {}
        self._recording: dict[str, SegmentClosed] = {}
        self._held: dict[str, list[SegmentSelected]] = {}
        """Segments on hold, by the segment to which they are similar."""
        self._selecting: set[str] = set()
        """Segments on hold that are being selected again."""
        self._suspects: set[str] = set()
        self._is_ready = False
        """Whether the annotator takes tasks."""
        self._gone_because = None if has_annotator else NO_ANNOTATOR
        """The reason why nothing is annotated any more."""
        self._end: End | None = None
        """The ``End`` of the chain."""
        self._end_is_sent = False
        self._is_finished = False
        self.refused = 0
        """Responses that answered no open request."""

    @property
    def open_segments(self) -> int:
        """Segments without an outcome."""
        held = sum(map(len, self._held.values()))
        return len(self._waiting) + len(self._outstanding) + len(self._recording) + len(self._selecting) + held

    @property
    def has_message(self) -> bool:
        """Whether ``ChannelReady`` would be answered with a message."""
        if not self._is_ready or self._gone_because is not None:
            return False
        if self._waiting:
            return len(self._outstanding) < (1 if self._suspects else self._outstanding_max)
        return self._end is not None and not (self._end_is_sent or self._held or self._selecting)

    def handle(self, event: QueueEvent) -> list[Instruction]:
        """Take one event; returns the instructions that follow from it, in order."""
        if self._is_finished:
            return []
        instructions = list(self._on(event))
        if self._end is not None and self._gone_because is not None and not self.open_segments:
            self._is_finished = True
            instructions.append(Finish(self._end))
        return instructions

    def _on(self, event: QueueEvent) -> Iterator[Instruction]:
        match event:
            case SegmentSelected():
                yield from self._select(event)
            case OutcomeRecorded():
                yield from self._settle(event)
            case ResponseReplayed(response):
                yield from self._replay(response)
            case ChannelReady():
                yield from self._send()
            case End() if self._end is None:
                self._end = event
            case _:
                yield from self._on_annotator(event)

    def _on_annotator(
        self, event: AnnotationResponse | WorkerReady | WorkerExited | AnnotatorUnavailable | End
    ) -> Iterator[Instruction]:
        match event:
            case AnnotationAnswer() | AnnotationFailure():
                yield from self._receive(event)
            case WorkerReady():
                self._is_ready = True
            case WorkerExited(restarts=True):
                yield RecordRestart(event.process, event.reason)
                yield from self._restart(event.reason)
            case WorkerExited():
                yield from self._give_up(event.reason)
            case AnnotatorUnavailable() if not self._tolerates_absence:
                yield StopRun(event.reason)
            case End():
                yield from self._give_up(NO_RESPONSE)

    def _select(self, event: SegmentSelected) -> Iterator[Instruction]:
        segment, segment_id = event.task.segment, event.task.segment.segment_id
        if self._is_open(segment_id):
            return
        was_held = segment_id in self._selecting
        self._selecting.discard(segment_id)
        if event.skip is not None and not self._is_pending(event.skip.same_as):
            yield from self._skip(event)
            return
        if not was_held:
            yield KeepKeyframes(segment)
        if event.skip is not None and event.skip.same_as is not None:
            self._held.setdefault(event.skip.same_as, []).append(event)
        elif self._gone_because is None:
            self._waiting[segment_id] = event.task
        else:
            yield self._fail(segment, self._gone_because)

    def _is_pending(self, segment_id: str | None) -> bool:
        """Whether the segment still waits for an outcome."""
        return segment_id in self._waiting or segment_id in self._outstanding or segment_id in self._recording

    def _is_open(self, segment_id: str) -> bool:
        held = (event.task.segment.segment_id for events in self._held.values() for event in events)
        return self._is_pending(segment_id) or segment_id in held

    def _send(self) -> Iterator[Instruction]:
        """One message at most: the next request, or the end."""
        if not self.has_message:
            return
        if self._waiting:
            segment_id = next(iter(self._waiting))
            task = self._outstanding[segment_id] = self._waiting.pop(segment_id)
            yield Send(task)
        elif self._end is not None:
            self._end_is_sent = True
            yield Send(self._end)

    def _receive(self, response: AnnotationResponse) -> Iterator[Instruction]:
        """Responses of a process that has exited may come late: they answer segments that wait again."""
        task = self._outstanding.get(response.segment_id) or self._waiting.get(response.segment_id)
        if task is None or task.segment.frames_digest != response.frames_digest:
            self.refused += 1
            yield Refuse(response)
            return
        self._tolerates_absence |= isinstance(response, AnnotationAnswer)
        yield self._record(task.segment, response)

    def _replay(self, response: AnnotationResponse) -> Iterator[Instruction]:
        task = self._waiting.get(response.segment_id)
        if task is not None and task.segment.frames_digest == response.frames_digest:
            yield self._record(task.segment, response, is_on_disk=True)

    def _restart(self, reason: str) -> Iterator[Instruction]:
        self._is_ready = self._end_is_sent = False
        lost, self._outstanding = self._outstanding, {}
        if lost.keys() <= self._suspects:  # at most one: suspects are sent one at a time
            for task in lost.values():
                yield self._fail(task.segment, f"the annotator died twice on it: {reason}")
        else:
            self._suspects |= lost.keys()
            self._waiting = lost | self._waiting

    def _give_up(self, reason: str) -> Iterator[Instruction]:
        """Stop annotating: open segments have failed, and all later ones fail."""
        self._gone_because = reason
        for task in (*self._outstanding.values(), *self._waiting.values()):
            yield self._fail(task.segment, reason)

    def _fail(self, segment: SegmentClosed, reason: str) -> Instruction:
        return self._record(segment, AnnotationFailure(segment.segment_id, segment.frames_digest, reason))

    def _record(self, segment: SegmentClosed, response: AnnotationResponse, *, is_on_disk: bool = False) -> Instruction:
        self._outstanding.pop(segment.segment_id, None)
        self._waiting.pop(segment.segment_id, None)
        self._suspects.discard(segment.segment_id)
        self._recording[segment.segment_id] = segment
        return RecordResponse(segment, response, is_on_disk)

    def _settle(self, outcome: OutcomeRecorded) -> Iterator[Instruction]:
        segment = self._recording.pop(outcome.segment_id)
        yield DropKeyframes(segment) if outcome.is_annotated else ReleaseKeyframes(segment)
        for event in self._held.pop(outcome.segment_id, ()):
            if outcome.is_annotated:
                yield from self._skip(event)
            else:
                self._selecting.add(event.task.segment.segment_id)
                yield SelectAgain(event.task.segment)

    def _skip(self, event: SegmentSelected) -> Iterator[Instruction]:
        if event.skip is not None:
            yield RecordSkip(event.skip)
            yield ReleaseKeyframes(event.task.segment)
