"""The client of the annotator service, with the same contract as an annotator in this process."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final, TypeAlias

from models.annotators.annotator import AnnotationFailure, AnnotationRequest, AnnotationResponse, AnnotatorFacts
from models.errors import ModelUnavailableError
from stream.runtime.annotator_service.messages import (
    REPLIES,
    REQUESTS,
    AnnotatorReady,
    DescribeBegun,
    Described,
    DescribeEnded,
    DescribeMessage,
    DescribeReply,
    DescribeRequest,
)
from stream.runtime.services.connection import Connection, WeightsChangedError
from stream.runtime.services.messages import Hello

DIED_TWICE: Final = "the shared annotator died twice on it"


@dataclass(frozen=True, slots=True)
class _Left:
    """Segments of a request that have no response, because the process died or failed at it."""

    requests: list[AnnotationRequest]
    reason: str
    """Why they have failed if that happens again."""


_Asked: TypeAlias = Generator[AnnotationResponse, None, _Left]


class RemoteAnnotator:
    """An ``Annotator`` in another process.

    That process may die and be restarted. A request that it had not begun is sent again. Of one that it had, or at
    which it failed, each segment without a response is sent again alone: the cause may be another segment of the batch,
    even one of another clip. It has failed if the process dies or fails once more.
    """

    def __init__(self, endpoint: str) -> None:
        """Wait until the annotator is loaded. If that fails, the parent of both processes ends this one."""
        self._connection: Connection[DescribeMessage, DescribeReply] = Connection(endpoint, REQUESTS, REPLIES)
        self._numbers = count()
        self._has_restarted = False
        self._connection.on_restart = self._note_restart
        self._connection.send(Hello())
        while not isinstance(ready := self._connection.wait(), AnnotatorReady):
            continue
        self.batch_max: Final = ready.batch_max

    def load_s(self) -> float:
        """Time of the annotator's loads of which this is the first client."""
        return self._connection.load_s

    def facts(self) -> AnnotatorFacts:
        """Facts about the service, for all of its chains together."""
        return self._connection.facts

    def annotate(self, requests: Sequence[AnnotationRequest]) -> Iterator[AnnotationResponse]:
        """As of ``Annotator``; a segment at which the annotator fails has failed.

        Raises:
            ModelUnavailableError: the service has loaded other weights than before.
        """
        try:
            suspects = yield from self._responses(requests, is_alone=False)
            for request in suspects.requests:
                left = yield from self._responses([request], is_alone=True)
                if left.requests:
                    yield AnnotationFailure(request.segment_id, request.frames_digest, left.reason)
        except WeightsChangedError as error:
            raise ModelUnavailableError(str(error)) from error

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _responses(self, segments: Sequence[AnnotationRequest], *, is_alone: bool) -> _Asked:
        """All responses to one request; returns the segments at which the process died or failed."""
        left = {(each.segment_id, each.frames_digest): each for each in segments}
        request = DescribeRequest(next(self._numbers), list(segments), is_alone)
        self._connection.send(request)
        self._has_restarted = has_begun = False
        while True:
            reply = self._connection.wait()
            if self._has_restarted:
                if has_begun:
                    return _Left(list(left.values()), DIED_TWICE)
                self._has_restarted = False
                self._connection.send(request)
            match reply:
                case DescribeBegun(request=request.request):
                    has_begun = True
                case Described(request=request.request, response=response):
                    left.pop((response.segment_id, response.frames_digest), None)
                    yield response
                case DescribeEnded(request=request.request, failure=failure):
                    return _Left(list(left.values()) if failure else [], f"the shared annotator failed, {failure}")

    def _note_restart(self) -> None:
        self._has_restarted = True
