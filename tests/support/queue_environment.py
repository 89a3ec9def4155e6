"""The surroundings of an annotation queue in tests: they deliver events in any order, and check its instructions."""

from collections import Counter
from dataclasses import replace
from random import Random

from models.annotators.annotator import AnnotationAnswer, AnnotationFailure, AnnotationResponse
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
from stream.pipeline.facts import SegmentClosed
from stream.pipeline.items import AnnotationTask, AnnotatorUnavailable, End, WorkerExited, WorkerReady
from stream.records.schema.events import NO_ANNOTATOR, NO_RESPONSE, SegmentSkipped

END = End("end_of_stream", 10.0, 300)
SENT_MAX = 3
EXITED = "killed by SIGKILL"
DIED_TWICE = f"the annotator died twice on it: {EXITED}"
FAILS = "its response says so"


def closed(segment_id: str) -> SegmentClosed:
    """A closed segment; its digest follows from its name."""
    segment = SegmentClosed(segment_id, 0.0, 1.0, "typical", "state_change", 1.0, 1)
    return replace(segment, keyframes=1, frames_digest=f"digest of {segment_id}")


def task(segment_id: str) -> AnnotationTask:
    """The task to describe it."""
    return AnnotationTask(closed(segment_id), queued_at_s=0.0)


def response_to(segment_id: str, *, fails: bool = False, digest: str | None = None) -> AnnotationResponse:
    """A response to the request for a segment, or one that gives another digest."""
    digest = digest or f"digest of {segment_id}"
    if fails:
        return AnnotationFailure(segment_id, digest, FAILS)
    return AnnotationAnswer(segment_id, digest, "words", 1, 1000, 100, 2.0)


class Environment:
    """Gives a queue events, and holds what it instructs against a model of what was sent, recorded and released.

    Each step does nothing where it cannot happen. Results of instructions are reported at any later time.
    """

    def __init__(self, random: Random, segments_max: int, *, has_annotator: bool, tolerates: bool) -> None:
        """The chain ends after ``segments_max`` segments; only then may the annotator exit for good."""
        self.queue = AnnotationQueue(has_annotator=has_annotator, tolerates_absence=tolerates, outstanding_max=SENT_MAX)
        self.random = random
        self.segments_max = segments_max
        self.tolerates, self.is_ready = tolerates, False
        self.gone_because = None if has_annotator else NO_ANNOTATOR
        self.chain_ended = self.end_is_out = self.finished = False
        self.segments: list[str] = []
        self.to_describe: set[str] = set()
        """Waiting or outstanding, in the queue's words."""
        self.outstanding: set[str] = set()
        self.suspects: set[str] = set()
        self.died_twice: set[str] = set()
        self.annotated: set[str] = set()
        self.outcomes: Counter[str] = Counter()
        self.retained: Counter[str] = Counter()
        self.released: Counter[str] = Counter()
        self.unreported: list[RecordResponse | SelectAgain] = []
        self.refused = 0

    def give(self, event: QueueEvent) -> list[Instruction]:
        """Give an event; check and note each instruction."""
        instructions = self.queue.handle(event)
        for instruction in instructions:
            assert not self.finished, f"{instruction} after Finish"
            self.note(instruction)
        assert self.queue.refused == self.refused
        return instructions

    def note(self, instruction: Instruction) -> None:
        """Check and note one instruction."""
        match instruction:
            case Send(AnnotationTask(segment)):
                self.note_sent(segment.segment_id)
            case Send(End() as end):
                assert self.is_ready
                assert self.chain_ended
                assert end == END
                self.end_is_out = True
            case RecordResponse(segment, response):
                self.note_recording(segment.segment_id, response)
                self.unreported.append(instruction)
            case SelectAgain():
                self.unreported.append(instruction)
            case RecordSkip(skip):
                assert skip.same_as is None or skip.same_as in self.annotated
                self.note_outcome(skip.segment_id)
            case KeepKeyframes(segment):
                assert not self.released[segment.segment_id]
                self.retained[segment.segment_id] += 1
                assert self.retained[segment.segment_id] == 1
            case ReleaseKeyframes(segment) | DropKeyframes(segment):
                assert self.outcomes[segment.segment_id], "keyframes go before the outcome is recorded"
                assert isinstance(instruction, DropKeyframes) == (segment.segment_id in self.annotated)
                self.released[segment.segment_id] += 1
                assert self.released[segment.segment_id] == 1
            case Finish(end):
                assert end == END
                self.note_finished()

    def note_sent(self, segment_id: str) -> None:
        """Requests are bounded, and only of a segment that waits; suspects go first, and one at a time."""
        assert self.is_ready
        assert not self.gone_because
        assert not self.end_is_out, "a request after the end"
        assert segment_id in self.to_describe - self.outstanding
        if self.suspects:
            assert segment_id in self.suspects
            assert not self.outstanding
        self.outstanding.add(segment_id)
        assert len(self.outstanding) <= SENT_MAX

    def note_recording(self, segment_id: str, response: AnnotationResponse) -> None:
        """A segment gets its own response, and no second one; if it has failed, the reason is the true one."""
        assert (response.segment_id, response.frames_digest) == (segment_id, f"digest of {segment_id}")
        if isinstance(response, AnnotationFailure):
            reason = DIED_TWICE if segment_id in self.died_twice else FAILS
            assert response.reason == (self.gone_because or reason)
        self.note_outcome(segment_id)
        for names in (self.to_describe, self.outstanding, self.suspects):
            names.discard(segment_id)

    def note_outcome(self, segment_id: str) -> None:
        """There is one."""
        self.outcomes[segment_id] += 1
        assert self.outcomes[segment_id] == 1

    def note_finished(self) -> None:
        """Nothing is left."""
        self.finished = True
        assert self.chain_ended
        assert self.gone_because
        assert not self.unreported
        assert dict(self.outcomes) == dict(self.released) == dict.fromkeys(self.segments, 1)

    def unreported_segments(self, kind: type[RecordResponse | SelectAgain]) -> set[str]:
        """The segments whose instructions of this kind have no result yet."""
        return {each.segment.segment_id for each in self.unreported if isinstance(each, kind)}

    def selection(self, segment_id: str) -> SegmentSelected:
        """Describe it, or skip it: for a reason of its own, or as similar to one that is described or is to be."""
        similar = sorted((self.to_describe | self.annotated | self.unreported_segments(RecordResponse)) - {segment_id})
        match self.random.choice(["describe", "describe", "skip", "similar"]):
            case "describe":
                self.to_describe.add(segment_id)
                return SegmentSelected(task(segment_id))
            case "similar" if similar:
                skip = SegmentSkipped(segment_id=segment_id, reason="same_as", same_as=self.random.choice(similar))
                return SegmentSelected(task(segment_id), skip)
        return SegmentSelected(task(segment_id), SegmentSkipped(segment_id=segment_id, reason="its own"))

    def close(self) -> None:
        """A segment closes."""
        if len(self.segments) < self.segments_max and not self.chain_ended:
            self.segments.append(f"s{len(self.segments):04}")
            self.give(self.selection(self.segments[-1]))

    def close_again(self) -> None:
        """A segment closes that is open already: to be described, on hold, or being recorded."""
        on_hold = set(self.segments) - self.outcomes.keys() - self.unreported_segments(SelectAgain)
        if is_open := sorted(on_hold | self.to_describe | self.unreported_segments(RecordResponse)):
            assert self.give(SegmentSelected(task(self.random.choice(is_open)))) == []

    def channel(self) -> None:
        """The channel can take a message: the next segment if it may go, or the end if that alone is left."""
        may_send = len(self.outstanding) < (1 if self.suspects else SENT_MAX)
        undecided = set(self.segments) - self.outcomes.keys() - self.outstanding
        has_message = self.chain_ended and not self.end_is_out
        if undecided:
            has_message = may_send and bool(undecided & self.to_describe)
        has_message &= self.is_ready and not self.gone_because
        assert self.queue.has_message == has_message
        messages = self.give(ChannelReady())
        assert len(messages) == has_message
        assert all(isinstance(message, Send) for message in messages)

    def respond(self) -> None:
        """A response comes, mostly the right one."""
        segment_id = self.random.choice([*sorted(self.outstanding), *self.segments[-2:], "s9999"])
        is_wrong, fails = self.random.random() < 0.2, self.random.random() < 0.3
        response = response_to(segment_id, fails=fails, digest="of others" if is_wrong else None)
        fits = segment_id in self.to_describe and not is_wrong
        self.refused += not (fits or self.finished)
        self.tolerates |= fits and not fails
        instructions = self.give(response)
        assert [type(each) for each in instructions] == ([] if self.finished else [RecordResponse if fits else Refuse])

    def replay(self) -> None:
        """A response is found on disk, and ignored if it answers another request, or none that waits."""
        waiting = self.to_describe - self.outstanding
        segment_id = self.random.choice([*sorted(waiting), *self.segments[-1:], "s9999"])
        is_wrong = self.random.random() < 0.3
        response = response_to(segment_id, digest="of others" if is_wrong else None)
        recorded = [RecordResponse(closed(segment_id), response, is_on_disk=True)]
        assert self.give(ResponseReplayed(response)) == (recorded if segment_id in waiting and not is_wrong else [])

    def report(self) -> None:
        """The result of an instruction is reported."""
        if not self.unreported:
            return
        match self.unreported.pop(self.random.randrange(len(self.unreported))):
            case RecordResponse(segment, response):
                is_annotated = isinstance(response, AnnotationAnswer) and self.random.random() < 0.7
                self.annotated |= {segment.segment_id} if is_annotated else set()
                self.give(OutcomeRecorded(segment.segment_id, is_annotated))
            case SelectAgain(segment):
                self.give(self.selection(segment.segment_id))

    def ready(self) -> None:
        """The annotator is ready."""
        if not self.gone_because:
            self.is_ready = True
            assert self.give(WorkerReady("annotate")) == []

    def exit(self) -> None:
        """The annotator exits and restarts: what was outstanding is suspect, or, a suspect alone, has failed."""
        if self.gone_because:
            return
        lost, self.outstanding = self.outstanding, set()
        self.died_twice = lost if lost <= self.suspects else set()
        self.suspects |= lost
        self.is_ready = self.end_is_out = False
        first, *failed = self.give(WorkerExited("annotate", EXITED, restarts=True))
        assert first == RecordRestart("annotate", EXITED)
        assert {each.segment.segment_id for each in failed if isinstance(each, RecordResponse)} == self.died_twice
        assert len(self.died_twice) <= 1

    def exit_for_good(self) -> None:
        """The annotator exits and is not started again: nothing waits for it."""
        if len(self.segments) == self.segments_max and not self.gone_because:
            self.gone_because = EXITED
            self.give(WorkerExited("annotate", EXITED, restarts=False))
            assert not self.to_describe

    def unavailable(self) -> None:
        """The annotator can answer nothing."""
        if not self.gone_because:
            assert self.give(AnnotatorUnavailable("away")) == ([] if self.tolerates else [StopRun("away")])

    def end(self) -> None:
        """The chain ends; or the annotator returns its end, and nothing waits for that any longer."""
        if not self.chain_ended:
            self.chain_ended = len(self.segments) == self.segments_max
            if self.chain_ended:
                self.give(END)
        elif self.end_is_out and not self.gone_because:
            self.gone_because = NO_RESPONSE
            self.give(END)
            assert not self.to_describe

    def complete(self) -> None:
        """Close what is missing, end the chain, and let the annotator work: in bounded steps all is settled.

        The annotator may still exit a few times after it was sent the end, or return the end before its last responses.
        """
        exits_left = self.random.randrange(3)
        is_hasty = self.random.random() < 0.3
        while len(self.segments) < self.segments_max:
            self.close()
        if not self.chain_ended:
            self.end()
        for _ in range(10 * len(self.segments) + 20):
            if self.unreported:
                self.report()
            elif not (self.is_ready or self.gone_because):
                self.ready()
            elif self.queue.has_message:
                self.channel()
            elif self.end_is_out and exits_left:
                exits_left -= 1
                self.exit()
            elif self.outstanding and not (self.end_is_out and is_hasty):
                self.give(response_to(min(self.outstanding)))
            else:
                self.end()
        assert self.finished, f"{self.queue.open_segments} segments wait forever"
