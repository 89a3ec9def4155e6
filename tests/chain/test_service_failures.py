"""The services of models in a thread, with models that fail: whose segments suffer, and what a client checks."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from threading import Event

import pytest
import zmq

from models.annotators.annotator import (
    AnnotationFailure,
    AnnotationRequest,
    AnnotationResponse,
    Annotator,
    AnnotatorFacts,
)
from models.errors import ModelUnavailableError
from stream.config import Options
from stream.pipeline.codec import CodecError
from stream.runtime.annotator_service.client import RemoteAnnotator
from stream.runtime.annotator_service.messages import REPLIES, REQUESTS
from stream.runtime.annotator_service.server import AnnotatorServer
from stream.runtime.services.process import ServiceConfig, server_socket
from stream.runtime.socket_folder import SocketFolder
from tests.support.fake_annotators import FakeAnnotator, answer_to
from tests.support.noise_segments import noise_segments

DEADLINE_S = 60.0


@contextmanager
def service(annotator: Annotator, endpoint: str) -> Iterator[AnnotatorServer]:
    """The server in a thread; a message that is none ends it."""
    config = ServiceConfig(options=Options(source="-"), endpoint=endpoint)
    with ThreadPoolExecutor(1) as thread, server_socket(config, REQUESTS, REPLIES, 1.0) as socket:
        server = AnnotatorServer(annotator, socket, mixes=True)
        served = thread.submit(server.serve)
        yield server
        with zmq.Context[zmq.Socket[bytes]]() as context, context.socket(zmq.DEALER) as stranger:
            stranger.connect(endpoint)
            stranger.send_multipart([b"", b"not a message"])
            assert isinstance(served.exception(DEADLINE_S), CodecError)


def named(name: str) -> AnnotationRequest:
    """A segment with a name."""
    return replace(noise_segments(1)[0], segment_id=name)


class _FailsAt(FakeAnnotator):
    """Fails at each batch with the segment ``bad``; waits at the segment ``first`` until it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.has_begun, self.may_go_on = Event(), Event()

    def annotate(self, requests: Sequence[AnnotationRequest]) -> Iterator[AnnotationResponse]:
        self.requests.append(list(requests))
        names = [each.segment_id for each in requests]
        if names == ["first"]:
            self.has_begun.set()
            assert self.may_go_on.wait(DEADLINE_S)
        if "bad" in names:
            raise ValueError("it has no eyes")
        yield from map(answer_to, requests)


def test_a_segment_at_which_the_annotator_fails_costs_no_other_clip_its_own() -> None:
    """Two clips have a segment each in one batch, which fails: the good one is described, the bad one says why."""
    annotator = _FailsAt()
    with ExitStack() as stack:
        endpoint = stack.enter_context(SocketFolder()).endpoint("annotate")
        server = stack.enter_context(service(annotator, endpoint))
        one, two, three = (stack.enter_context(closing(RemoteAnnotator(endpoint))) for _ in range(3))
        threads = stack.enter_context(ThreadPoolExecutor(3))
        first = threads.submit(list, one.annotate([named("first")]))
        assert annotator.has_begun.wait(DEADLINE_S)
        good, bad = (
            threads.submit(list, two.annotate([named("good")])),
            threads.submit(list, three.annotate([named("bad")])),
        )
        while len(server._shared.clients) < 2:
            annotator.may_go_on.wait(0.01)
        annotator.may_go_on.set()
        assert first.result(DEADLINE_S)[0].segment_id == "first"
        assert good.result(DEADLINE_S) == [answer_to(named("good"))]
        [failure] = bad.result(DEADLINE_S)
    assert isinstance(failure, AnnotationFailure)
    assert failure.reason == "the shared annotator failed, ValueError: it has no eyes"
    assert sorted(each.segment_id for each in annotator.requests[1]) == ["bad", "good"]


class _Weights(FakeAnnotator):
    """Weights with a digest."""

    def __init__(self, sha256: str) -> None:
        super().__init__()
        self._sha256 = sha256

    def facts(self) -> AnnotatorFacts:
        return {"model": "folder", "weights_sha256": self._sha256}


@pytest.mark.parametrize("changed", [False, True])
def test_a_service_that_comes_back_with_other_weights_is_refused(*, changed: bool) -> None:
    """A run has the words and embeddings of one model; with the same weights it goes on."""
    with ExitStack() as stack:
        endpoint = stack.enter_context(SocketFolder()).endpoint("annotate")
        with service(_Weights("a" * 64), endpoint):
            client = stack.enter_context(closing(RemoteAnnotator(endpoint)))
            assert list(client.annotate([named("one")])) == [answer_to(named("one"))]
        with service(_Weights(("b" if changed else "a") * 64), endpoint):
            if changed:
                with pytest.raises(ModelUnavailableError, match=r"weights of folder have changed .*aaaa then, bbbb"):
                    list(client.annotate([named("two")]))
            else:
                assert list(client.annotate([named("two")])) == [answer_to(named("two"))]
