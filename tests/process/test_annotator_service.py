"""The process that holds the annotator for several chains, and what happens when it dies."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Event
from unittest.mock import patch

import pytest

from models.annotators.annotator import AnnotationAnswer, AnnotationFailure, AnnotationRequest
from stream.config import Options
from stream.engines.service_process import ServiceProcess
from stream.runtime.annotator_service.client import DIED_TWICE, RemoteAnnotator
from stream.runtime.annotator_service.messages import DescribeMessage
from stream.runtime.socket_folder import SocketFolder
from tests.support.echo_server import MODEL
from tests.support.openai_requests import openai_server, segment
from tests.support.openai_server import OpenAIServer, ScriptedReply

DEADLINE_S = 60.0


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    """What the annotator of the service asks."""
    with openai_server(tmp_path, monkeypatch) as server:
        yield server


@contextmanager
def clients(server: OpenAIServer, count: int) -> Iterator[tuple[ServiceProcess, list[RemoteAnnotator]]]:
    """The real process, with an annotator without weights, and so many clients."""
    options = Options(source="-").replace(
        {"annotator.name": "openai", "annotator.url": server.url, "annotator.model": MODEL, "annotator.batch": 4}
    )
    with ExitStack() as stack:
        folder = stack.enter_context(SocketFolder())
        endpoint = folder.endpoint("annotate")
        process = stack.enter_context(closing(ServiceProcess("annotator", options, endpoint, folder.path, print)))
        yield process, [stack.enter_context(closing(RemoteAnnotator(endpoint))) for _ in range(count)]


def kill(process: ServiceProcess) -> None:
    """It dies, and is started again."""
    os.kill(process.pid, signal.SIGKILL)
    process._process.wait(DEADLINE_S)
    process.check()


def echo(request: AnnotationRequest) -> str:
    """By which the server knows a segment."""
    from models.annotators.response.schema import echo_of

    return echo_of(request)


def test_each_client_gets_the_answers_to_its_own_segments(server: OpenAIServer) -> None:
    """And the load of the model is the first one's."""
    with clients(server, 2) as (_, (one, other)):
        answers = [*one.annotate([segment(1), segment(2)]), *other.annotate([segment(3)])]
        assert sorted(answer.segment_id for answer in answers) == ["s1", "s2", "s3"]
        assert all(isinstance(answer, AnnotationAnswer) for answer in answers)
        assert (one.batch_max, one.facts()["model"]) == (4, MODEL)
        assert one.load_s() > 0.0 == other.load_s()


def test_a_process_that_dies_costs_one_batch_again(server: OpenAIServer) -> None:
    """What was answered stays; the rest is asked again, one segment at a time, and nothing is lost."""
    with clients(server, 1) as (process, (client,)), ThreadPoolExecutor(1) as thread:
        server.to_segment[echo(segment(2))] = [ScriptedReply(hangs=True)]
        responses = iter(client.annotate([segment(1), segment(2)]))
        first = next(responses)
        killed = thread.submit(kill, process)
        rest = list(responses)
        killed.result(DEADLINE_S)
    assert [first.segment_id, *(answer.segment_id for answer in rest)] == ["s1", "s2"]
    assert isinstance(rest[0], AnnotationAnswer)
    assert len(server.requests) == 3


def test_what_a_new_process_finds_waiting_is_described_once(server: OpenAIServer) -> None:
    """A request that was sent while none was there costs what it costs, and the new one's load is the client's."""
    with clients(server, 1) as (process, (client,)), ThreadPoolExecutor(1) as thread:
        first_load_s = client.load_s()
        os.kill(process.pid, signal.SIGKILL)
        process._process.wait(DEADLINE_S)
        is_sent, send = Event(), client._connection.send

        def send_and_say(message: DescribeMessage) -> None:
            send(message)
            is_sent.set()

        with patch.object(client._connection, "send", send_and_say):
            answers = thread.submit(list, client.annotate([segment(1)]))
            assert is_sent.wait(DEADLINE_S)
        process.check()
        assert [answer.segment_id for answer in answers.result(DEADLINE_S)] == ["s1"]
        assert [answer.segment_id for answer in client.annotate([segment(2)])] == ["s2"]
        assert client.load_s() > first_load_s > 0.0
    assert len(server.requests) == 2


def test_a_segment_at_which_it_dies_twice_has_failed(server: OpenAIServer) -> None:
    """The others are answered. A process that has done something before it died does not use up the restarts."""
    deadly = {echo(segment(number)): 2 for number in (2, 4)}

    with clients(server, 1) as (process, (client,)), ThreadPoolExecutor(1) as thread:
        deaths: list[Future[None]] = []

        def strike(asked: str) -> None:
            if deadly.get(asked):
                deadly[asked] -= 1
                deaths.append(thread.submit(kill, process))

        server.strikes = strike
        server.to_segment |= {asked: [ScriptedReply(hangs=True)] * 2 for asked in deadly}
        batches = [segment(1), segment(2)], [segment(3)], [segment(4)]
        responses = {each.segment_id: each for batch in batches for each in client.annotate(batch)}
        for death in deaths:
            death.result(DEADLINE_S)
    for number in (2, 4):
        failed = responses[f"s{number}"]
        assert isinstance(failed, AnnotationFailure)
        assert failed.reason == DIED_TWICE
        assert isinstance(responses[f"s{number - 1}"], AnnotationAnswer)
    assert len(deaths) == 4 > Options(source="-").runtime.max_restarts
