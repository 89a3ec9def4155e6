"""Closed segments on their way to the annotator and back. It runs in the process that writes the records.

No deadlock can come of it. Orders go out only while the annotator is there and has room, at most ``ASKED_MAX`` ahead of
their answers, so that sending never waits and answers are always taken; so the annotator can always send, and returns
to its orders. Each order is answered, the last ones after ``annotator_latency_s`` at the latest, or the annotator dies,
which the supervisor tells; and only while a segment is open may the spool hold up the chain.

When the annotator dies, what was out is asked again, one after another, for one of them may be the cause: the segment
over which it dies once more, alone, has failed. That is forgotten when the run ends, on purpose: where everything was
killed, nothing is known about any one segment.
"""

import logging
import sys
import time
from collections.abc import Iterator
from typing import Final, TypeAlias

from models.annotators.annotator import AnnotationAnswer, AnnotationFailure
from stream.annotation.client import Said
from stream.annotation.outcome import Outcomes
from stream.annotation.raw_responses import read_responses
from stream.annotation.request import order_of
from stream.annotation.selection import Selection
from stream.config import Options
from stream.errors import ModelUnavailableError
from stream.pipeline.items import AnnotationOrder, End
from stream.records.schema import events
from stream.records.schema.layout import RunLayout
from stream.records.store.event_log import ReplayedLog, read_events
from stream.records.store.keyframes import Spool

_LOG = logging.getLogger(__name__)

ASKED_MAX: Final = 64
"""Orders that may be with the annotator at once."""
_Like: TypeAlias = tuple[events.SegmentClosed, events.SegmentSkipped]
"""A segment, and how it is skipped if the one that it is like is described."""


class AnnotationQueue:
    """Knows what each closed segment waits for.

    Its memory is the disk: a run that goes on finds its open work there.
    """

    def __init__(self, layout: RunLayout, log: ReplayedLog, spool: Spool, options: Options) -> None:
        self._log = log
        self._spool = spool
        self._blocks = options.keyframes.on_cache_full != "skip"
        self._keyframe_bytes_max = options.keyframes.px**2  # a JPEG has less than a byte a pixel
        self._selection = Selection(layout, options)
        self._outcomes = Outcomes(layout, log, options)
        self._waiting: dict[str, AnnotationOrder] = {}
        self._asked: dict[str, AnnotationOrder] = {}
        self._held: dict[str, list[_Like]] = {}
        """Segments that are like one that is open, by that one: what becomes of it decides about them."""
        self._suspects: set[str] = set()
        """Segments that were with the annotator when it died: they wait before all others."""
        self._is_there = True
        self._gone: str = ""
        """Why nobody annotates any more."""
        self._bears_absence = options.resolved.stream is not None
        """Whether the run goes on where the annotator can answer nothing: a live one, or one that has had an answer."""
        self._end: End | None = None
        self._end_is_out = False
        self.refused = 0
        """Answers that were to no segment that was asked about."""
        self._take_up(layout)

    @property
    def ready(self) -> bool:
        """Whether there is room for another keyframe, or no use in waiting for it."""
        return not (self._blocks and self.open_segments) or self._spool.fits(self._keyframe_bytes_max)

    @property
    def open_segments(self) -> int:
        """Closed segments without an outcome."""
        return len(self._waiting) + len(self._asked) + sum(map(len, self._held.values()))

    def close(self, closed: events.SegmentClosed) -> None:
        """Take a closed segment, whose event and keyframes are durable: order its description, or skip it.

        One that was closed before the run went on comes twice; the second time nothing is left to do.
        """
        self._close(closed, self._spool.count(closed.t_start_s, closed.t_end_s))
        if self._gone:
            self.give_up(self._gone)

    def _close(self, closed: events.SegmentClosed, keyframes_there: int) -> None:
        span = closed.t_start_s, closed.t_end_s
        match self._log.outcomes.get(closed.segment_id):
            case "segment.annotated":
                self._selection.remember(closed)
                self._spool.drop(*span)
            case "segment.failed" | "segment.skipped":
                self._spool.release(*span)
            case _ if not self._is_open(closed.segment_id):
                self._decide(closed, keyframes_there)

    def take(self, said: Said, *, heard: bool = False) -> None:
        """Record what was said of a segment; what answers no open question is refused."""
        order = self._asked.get(said.segment_id) or self._waiting.get(said.segment_id)
        if order is None or order.frames_digest != said.frames_digest:
            self.refused += 1
            _LOG.warning(
                "refused an answer to segment %a, frames %a",
                said.segment_id,
                said.frames_digest,
                extra={"segment_id": said.segment_id},
            )
            return
        self._bears_absence |= not heard and isinstance(said, AnnotationAnswer)
        self._settle(order, said, heard=heard)

    @property
    def is_due(self) -> bool:
        """Whether ``due`` has something to give."""
        can_ask = bool(self._waiting) and len(self._asked) < (1 if self._suspects else ASKED_MAX)
        has_end = self._end is not None and not (self._end_is_out or self._waiting or self._held)
        return self._is_there and (can_ask or has_end)

    def due(self) -> Iterator[AnnotationOrder | End]:
        """Orders that the annotator may have now, and the ``End`` after the last."""
        while self._is_there and self._waiting and len(self._asked) < (1 if self._suspects else ASKED_MAX):
            order = self._waiting.pop(next(iter(self._waiting)))
            self._asked[order.segment_id] = order
            yield order
        if self._is_there and self._end and not (self._end_is_out or self._waiting or self._held):
            self._end_is_out = True
            yield self._end

    def end(self, end: End) -> None:
        """No segment comes any more."""
        self._end = end

    def away(self, reason: str) -> None:
        """The annotator can answer nothing at present: a live run, and one that it has answered, bear that.

        Raises:
            ModelUnavailableError: another one.
        """
        if not self._bears_absence:
            raise ModelUnavailableError(reason)

    def died(self, reason: str) -> None:
        """The annotator has died, and comes again: what was with it waits, before all others."""
        self._is_there = self._end_is_out = False
        out, self._asked = self._asked, {}
        if out.keys() <= self._suspects:  # one, alone
            for order in out.values():
                self._settle(order, _failure(order, f"the annotator died of it twice: {reason}"))
        else:
            self._suspects |= out.keys()
            self._waiting = out | self._waiting

    @property
    def is_given_up(self) -> bool:
        """Whether nobody annotates any more."""
        return bool(self._gone)

    def is_there(self) -> None:
        """The annotator can be asked."""
        self._is_there = True

    def give_up(self, reason: str) -> None:
        """Nobody annotates any more: what is open has failed, and so has what comes."""
        self._gone = reason
        while orders := [*self._asked.values(), *self._waiting.values()]:
            for order in orders:
                self._settle(order, _failure(order, reason))

    def close_files(self) -> None:
        """Nothing more will be said."""
        self._outcomes.close()

    def _take_up(self, layout: RunLayout) -> None:
        """Go on where the run was: segments without an outcome are open work, and what was said of them is not lost."""
        open_since_s = 0.0
        for event in read_events(layout.events):
            if isinstance(event, events.SegmentClosed):
                self._close(event, event.keyframes)  # where some have gone since, the asking finds it
                open_since_s = event.t_end_s
        self._spool.keep(open_since_s, sys.maxsize)
        said_before = {answer.segment_id: answer for answer in read_responses(layout.raw_responses)}
        for order in [order for order in self._waiting.values() if order.segment_id in said_before]:
            answer = said_before[order.segment_id]
            if answer.frames_digest == order.frames_digest and order.segment_id not in self._log.reopened:
                self.take(answer, heard=True)

    def _settle(self, order: AnnotationOrder, said: Said, *, heard: bool = False) -> None:
        """An order is no more; its outcome is on record, and decides about those that are like it."""
        self._asked.pop(order.segment_id, None)
        self._waiting.pop(order.segment_id, None)
        self._suspects.discard(order.segment_id)
        is_described = self._outcomes.settle(order, said, heard=heard)
        if is_described:
            self._spool.drop(order.t_start_s, order.t_end_s)
        else:
            self._selection.forget(order.segment_id)
            self._spool.release(order.t_start_s, order.t_end_s)
        for closed, skipped in self._held.pop(order.segment_id, []):
            if is_described:
                self._skip(closed, skipped)
            else:
                self._decide(closed, self._spool.count(closed.t_start_s, closed.t_end_s))

    def _decide(self, closed: events.SegmentClosed, keyframes_there: int) -> None:
        span = closed.t_start_s, closed.t_end_s
        skipped = self._selection.skipped(closed, keyframes_there)
        if skipped and skipped.same_as and self._is_open(skipped.same_as):
            self._spool.keep(*span)
            self._held.setdefault(skipped.same_as, []).append((closed, skipped))
            return
        if skipped:
            self._skip(closed, skipped)
            return
        self._selection.remember(closed)
        self._spool.keep(*span)
        self._waiting[closed.segment_id] = order_of(closed, time.monotonic())

    def _skip(self, closed: events.SegmentClosed, skipped: events.SegmentSkipped) -> None:
        self._log.append(skipped)
        self._spool.release(closed.t_start_s, closed.t_end_s)

    def _is_open(self, segment_id: str) -> bool:
        held = (closed.segment_id for likes in self._held.values() for closed, _ in likes)
        return segment_id in self._waiting or segment_id in self._asked or segment_id in held


def _failure(order: AnnotationOrder, reason: str) -> AnnotationFailure:
    return AnnotationFailure(order.segment_id, order.frames_digest, reason)
