"""The annotator that asks a server: how long one that is away is waited for, and who is not let in."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from models.annotators.annotator import AnnotationAnswer
from models.annotators.openai.annotator import OpenAIAnnotator, OpenAISettings
from models.annotators.response.schema import echo_of
from models.annotators.spec import AnnotatorChoice
from models.annotators.table import choose_annotator, make_annotator
from models.errors import ModelUnavailableError
from tests.support.echo_server import MODEL
from tests.support.openai_requests import annotator, openai_server, outcomes, segment
from tests.support.openai_server import KEY, OpenAIServer, ScriptedReply, free_port, serving


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    """A server, whose client retries without pauses, and no key in sight."""
    with openai_server(tmp_path, monkeypatch) as server:
        yield server


@pytest.mark.parametrize(
    ("key", "sent", "message"),
    [
        ("", None, "set OPENAI_API_KEY"),
        ("sk-expired", "Bearer sk-expired", "the key in OPENAI_API_KEY is not accepted"),
    ],
)
def test_refused_key_ends_it_at_once(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch, key: str, sent: str | None, message: str
) -> None:
    """A server that lets nobody in gets no second request; the error names the variable and not its value."""
    monkeypatch.setenv("OPENAI_API_KEY", key)
    server.key = KEY
    with pytest.raises(ModelUnavailableError, match=message) as caught:
        outcomes(server, segment())
    assert "sk-" not in str(caught.value)
    assert (len(server.requests), server.authorizations) == (1, {sent})


def test_key_comes_from_the_environment_only(
    server: OpenAIServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key in ``.env`` goes nowhere; one in the environment goes to the server, into no fact and no representation."""
    (tmp_path / ".env").write_text(f"OPENAI_API_KEY={KEY}\n")
    server.key = KEY
    with pytest.raises(ModelUnavailableError, match="set OPENAI_API_KEY"):
        outcomes(server, segment())
    assert server.authorizations == {None}
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    asks = annotator(server)
    assert [type(outcome) for outcome in asks.annotate([segment()])] == [AnnotationAnswer]
    assert KEY not in f"{asks.facts()} {asks!r}"


def test_unknown_model_ends_it_at_once(server: OpenAIServer) -> None:
    """A server without that model can answer nothing: the error says so."""
    with pytest.raises(ModelUnavailableError, match=r"does not have this model, or its address is wrong \(404\)"):
        outcomes(server, segment(), model="other")


def test_answers_come_before_the_end(server: OpenAIServer) -> None:
    """Where one request finds the server closed to it, an answer to another that came before is not lost."""
    refused, answered = segment(1), segment(2)
    server.to_segment[echo_of(refused)] = [ScriptedReply(403, body="{}", hangs=True)]
    results = annotator(server).annotate([refused, answered])
    assert next(results).segment_id == "s2"
    server.released.set()
    with pytest.raises(ModelUnavailableError, match=r"refuses access \(403\): set OPENAI_API_KEY"):
        next(results)


def test_server_that_loads_its_model_is_waited_for(server: OpenAIServer) -> None:
    """A server that says for a while that it is not ready yet costs no segment, however often it says so."""
    server.replies = [ScriptedReply(503, body='{"error":{"message":"Loading model"}}')] * 20
    assert isinstance(outcomes(server, segment())["s0"], AnnotationAnswer)


class _StartsServer(logging.Handler):
    """Starts a server as soon as the annotator says that it waits for one."""

    def __init__(self, stack: ExitStack, port: int) -> None:
        super().__init__()
        self._stack, self._port = stack, port
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())
        self._stack.enter_context(serving(self._port))


def test_server_that_is_not_up_yet_is_waited_for() -> None:
    """Nobody listens at first; the server that comes then gets the requests, and the wait was announced."""
    with ExitStack() as stack:
        port = stack.enter_context(free_port())
        handler = _StartsServer(stack, port)
        logger = logging.getLogger("models.annotators.openai.retry_policy")
        logger.addHandler(handler)
        stack.callback(logger.removeHandler, handler)
        asks = OpenAIAnnotator(OpenAISettings(f"http://127.0.0.1:{port}/v1", MODEL))
        [outcome] = asks.annotate([segment()])
    assert isinstance(outcome, AnnotationAnswer)
    assert handler.messages == [f"http://127.0.0.1:{port}/v1 does not respond: waiting for up to 300 s"]


def test_server_that_stays_away_is_unavailable() -> None:
    """Where nobody comes within the time, the annotator can answer nothing, and says what helps."""
    with free_port() as port, pytest.raises(ModelUnavailableError, match="has been unreachable for 0 s: start it"):
        list(OpenAIAnnotator(OpenAISettings(f"http://127.0.0.1:{port}/v1", MODEL, wait_s=0)).annotate([segment()]))


def test_server_that_dies_midway_is_unavailable_not_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was described stays; for the rest nobody is there, and no segment is said to have failed for it."""
    monkeypatch.chdir(tmp_path)
    with serving() as server:
        asks = annotator(server, wait_s=0)
        assert [type(outcome) for outcome in asks.annotate([segment(1)])] == [AnnotationAnswer]
    with pytest.raises(ModelUnavailableError, match="has been unreachable"):
        list(asks.annotate([segment(2)]))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("localhost:8000", "is not that of a server: expected one like http"),
        ("ftp://host/v1", "is not that of a server"),
        ("http://me:secret@host/v1", "a key belongs in OPENAI_API_KEY"),
        ("http://host/v1?api_key=secret", "a key belongs in OPENAI_API_KEY"),
    ],
)
def test_address_without_secrets(url: str, message: str) -> None:
    """An address is checked before any request; one that holds a secret is refused without repeating it."""
    with pytest.raises(ValueError, match=message) as caught:
        OpenAIAnnotator(OpenAISettings(url, MODEL))
    assert "secret" not in str(caught.value)


def test_chosen_by_name(server: OpenAIServer) -> None:
    """The annotator is made by its name from an address and a model; without either it says what it needs."""
    choice = AnnotatorChoice("openai", MODEL, server.url, batch_max=3)
    assert choose_annotator(choice) == choice
    asks = make_annotator(choice)
    assert (asks.facts()["model"], asks.batch_max) == (MODEL, 3)
    with pytest.raises(ValueError, match="needs --annotator-url, the address of its server"):
        choose_annotator(replace(choice, url=None))
    with pytest.raises(ValueError, match="needs --annotator-model, the name by which the server calls its model"):
        choose_annotator(replace(choice, model=None))
