"""Batches segments of several chains, and assigns the responses to them. It uses no sockets."""

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from models.annotators.annotator import AnnotationRequest, AnnotationResponse, Annotator


@dataclass(frozen=True, slots=True)
class SegmentsRequest:
    """Segments that one chain wants described."""

    client: bytes
    request: int
    segments: Sequence[AnnotationRequest]
    is_alone: bool = False
    """Whether it must be a batch of its own."""


class SharedAnnotator:
    """Combines the requests of all clients into batches.

    No request waits for others: a batch holds the requests that have arrived when the annotator is free, in that order.
    """

    def __init__(self, annotator: Annotator, *, mixes: bool) -> None:
        """Without ``mixes``, each request is a batch of its own. A single request is never split."""
        self._annotator = annotator
        self._mixes = mixes
        self._waiting: deque[SegmentsRequest] = deque()

    @property
    def is_waiting(self) -> bool:
        """Whether a request waits."""
        return bool(self._waiting)

    @property
    def clients(self) -> frozenset[bytes]:
        """Clients whose requests wait."""
        return frozenset(each.client for each in self._waiting)

    def add(self, request: SegmentsRequest) -> None:
        """Take a request."""
        self._waiting.append(request)

    def remove(self, client: bytes) -> None:
        """Drop the waiting requests of a client that needs nothing any more."""
        self._waiting = deque(each for each in self._waiting if each.client != client)

    def next_batch(self) -> list[SegmentsRequest]:
        """The requests of the next batch, at least one; they do not wait any more."""
        batch = [self._waiting.popleft()]
        segments = len(batch[0].segments)
        while self._waiting and self._fits(batch[0], segments, self._waiting[0]):
            batch.append(self._waiting.popleft())
            segments += len(batch[-1].segments)
        return batch

    def annotate(self, batch: Sequence[SegmentsRequest]) -> Iterator[tuple[SegmentsRequest, AnnotationResponse]]:
        """Describe a batch: every response, with the request that it is for.

        Raises:
            Exception: as the annotator.
        """
        owners: dict[tuple[str, str], deque[SegmentsRequest]] = defaultdict(deque)
        for request in batch:
            for segment in request.segments:
                owners[segment.segment_id, segment.frames_digest].append(request)
        for response in self._annotator.annotate([segment for request in batch for segment in request.segments]):
            of_segment = owners[response.segment_id, response.frames_digest]
            if of_segment:
                yield of_segment.popleft(), response

    def _fits(self, first: SegmentsRequest, segments: int, following: SegmentsRequest) -> bool:
        is_alone = first.is_alone or following.is_alone or not self._mixes
        return not is_alone and segments + len(following.segments) <= self._annotator.batch_max
