"""Closed segments on their way to the annotator and back. It runs in the process that writes the records.

No deadlock can come of it. Whoever writes here sends at most ``ASKED_MAX`` orders ahead of their answers, and the hop
to the annotator holds as many, so that sending never waits and answers are always taken; so the annotator can always
send, and returns to its orders. Each order is answered, the last ones after ``annotator_latency_s`` at the latest, and
only while one is with the annotator may the spool hold up the chain.
"""

import logging
import sys
import time
from collections import deque
from collections.abc import Iterator
from typing import Final

from models.annotator import AnnotationFailure
from stream.annotation.asking import NO_ANSWER, Said
from stream.annotation.order import order_of
from stream.annotation.outcome import Outcomes
from stream.annotation.raw import read_responses
from stream.annotation.selection import Selection
from stream.config import Options
from stream.items import AnnotationOrder, End
from stream.records import events
from stream.records.layout import RunLayout
from stream.records.log import ReplayedLog, read_events
from stream.records.spool import Spool

_LOG = logging.getLogger(__name__)

ASKED_MAX: Final = 64
"""Orders that may be with the annotator at once."""


class Desk:
    """Knows what each closed segment waits for.

    Its memory is the disk: a run that goes on finds its open work there.
    """

    def __init__(self, layout: RunLayout, log: ReplayedLog, spool: Spool, options: Options) -> None:
        self._log = log
        self._spool = spool
        self._blocks = options.spool_policy != "skip"
        self._keyframe_bytes_max = options.keyframe_px**2  # a JPEG has less than a byte a pixel
        self._selection = Selection(layout, options)
        self._outcomes = Outcomes(layout, log, options)
        self._waiting: deque[AnnotationOrder] = deque()
        self._asked: dict[str, AnnotationOrder] = {}
        self._end: End | None = None
        self.refused = 0
        """Answers that were to no segment that was asked about."""
        self._take_up(layout)

    @property
    def ready(self) -> bool:
        """Whether there is room for another keyframe, or no use in waiting for it."""
        return not (self._blocks and self._asked) or self._spool.fits(self._keyframe_bytes_max)

    @property
    def open_segments(self) -> int:
        """Closed segments without an outcome."""
        return len(self._waiting) + len(self._asked)

    def close(self, closed: events.SegmentClosed) -> None:
        """Take a closed segment, whose event and keyframes are durable: order its description, or skip it.

        One that was closed before the run went on comes twice; the second time nothing is left to do.
        """
        self._close(closed, self._spool.count(closed.t_start_s, closed.t_end_s))

    def _close(self, closed: events.SegmentClosed, keyframes_there: int) -> None:
        span = closed.t_start_s, closed.t_end_s
        match self._log.outcomes.get(closed.segment_id):
            case "segment.annotated":
                self._selection.described(closed)
                self._spool.drop(*span)
            case "segment.failed":
                self._selection.described(closed)
                self._spool.release(*span)
            case "segment.skipped":
                self._spool.release(*span)
            case _ if not self._is_open(closed.segment_id):
                self._decide(closed, keyframes_there)

    def take(self, said: Said, *, heard: bool = False) -> None:
        """Record what was said of a segment; what answers no open question is refused."""
        order = self._asked.get(said.segment_id)
        if order is None or order.frames_digest != said.frames_digest:
            self.refused += 1
            _LOG.warning(
                "refused an answer to segment %a, frames %a",
                said.segment_id,
                said.frames_digest,
                extra={"segment_id": said.segment_id},
            )
            return
        del self._asked[order.segment_id]
        if self._outcomes.settle(order, said, heard=heard):
            self._spool.drop(order.t_start_s, order.t_end_s)
        else:
            self._spool.release(order.t_start_s, order.t_end_s)

    def due(self) -> Iterator[AnnotationOrder | End]:
        """Orders that the annotator may have now, and the ``End`` after the last."""
        while self._waiting and len(self._asked) < ASKED_MAX:
            order = self._waiting.popleft()
            self._asked[order.segment_id] = order
            yield order
        if self._end and not self._waiting:
            end, self._end = self._end, None
            yield end

    def end(self, end: End) -> None:
        """No segment comes any more."""
        self._end = end

    def give_up(self) -> None:
        """The annotator has ended: what it has not answered has failed."""
        for order in list(self._asked.values()):
            self.take(AnnotationFailure(order.segment_id, order.frames_digest, NO_ANSWER))

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
        for order in [order for order in self._waiting if order.segment_id in said_before]:
            answer = said_before[order.segment_id]
            if answer.frames_digest == order.frames_digest and order.segment_id not in self._log.reopened:
                self._waiting.remove(order)
                self._asked[order.segment_id] = order
                self.take(answer, heard=True)

    def _decide(self, closed: events.SegmentClosed, keyframes_there: int) -> None:
        span = closed.t_start_s, closed.t_end_s
        if skipped := self._selection.skipped(closed, keyframes_there):
            self._log.append(skipped)
            self._spool.release(*span)
            return
        self._selection.described(closed)
        self._spool.keep(*span)
        self._waiting.append(order_of(closed, time.monotonic()))

    def _is_open(self, segment_id: str) -> bool:
        return segment_id in self._asked or any(order.segment_id == segment_id for order in self._waiting)
