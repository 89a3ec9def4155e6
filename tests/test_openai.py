"""The annotator that asks a server: what it asks, what it makes of every kind of reply, and how long it is patient."""

import base64
import logging
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import stamina

from models.annotator import AnnotationAnswer, AnnotationFailure, AnnotationRequest, Frame
from models.annotators import AnnotatorChoice, choose_annotator, make_annotator
from models.answer import AnswerError, parse_answer
from models.answer_schema import answer_schema, echo_of, longest_json_bytes
from models.errors import ModelUnavailableError
from models.openai_chat import BOX_SPACE
from models.openai_compatible import OpenAIAnnotator, OpenAISettings
from models.openai_patience import TRIES
from tests.openai_server import KEY, MODEL, TOKENS_IN, TOKENS_OUT, Reply, Server, free_port, serving


def _request(number: int = 0, *, frames: int = 3) -> AnnotationRequest:
    digest = f"{number:02x}" * 32
    pictures = tuple(Frame(float(t_s), b"\xff\xd8 jpeg %d" % t_s) for t_s in range(frames))
    return AnnotationRequest(f"s{number}", digest, frames + 0.3, pictures, 320, 180)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """A server, asked again without pauses, and no key in sight."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)  # where no .env lies
    with serving() as server, stamina.set_testing(True, attempts=50):
        yield server


def _annotator(server: Server, **settings: Any) -> OpenAIAnnotator:  # noqa: ANN401  (fields of the settings)
    return OpenAIAnnotator(OpenAISettings(server.url, settings.pop("model", MODEL), **settings))


def _outcomes(server: Server, *requests: AnnotationRequest, **settings: Any) -> dict[str, Any]:  # noqa: ANN401  (as above)
    """What became of each segment, by its id."""
    return {outcome.segment_id: outcome for outcome in _annotator(server, **settings).annotate(requests)}


def _reason(server: Server, reply: Reply) -> str:
    """Why a segment failed that always gets ``reply``, while the one beside it is answered."""
    bad, good = _request(1), _request(2)
    server.to_segment[echo_of(bad)] = [reply] * TRIES
    outcomes = _outcomes(server, bad, good)
    assert isinstance(outcomes["s2"], AnnotationAnswer)
    failure = outcomes["s1"]
    assert isinstance(failure, AnnotationFailure)
    assert failure.frames_digest == bad.frames_digest
    assert failure.reason.isprintable()
    return failure.reason


def test_answers_are_their_requests_own(server: Server) -> None:
    """Each segment's answer carries its id and digest, parses against its schema, and counts the server's tokens."""
    requests = [_request(number) for number in range(5)]
    outcomes = _outcomes(server, *requests)
    assert outcomes.keys() == {request.segment_id for request in requests}
    for request in requests:
        answer = outcomes[request.segment_id]
        assert answer.frames_digest == request.frames_digest
        assert (answer.frames, answer.tokens_in, answer.tokens_out) == (3, TOKENS_IN, TOKENS_OUT)
        assert answer.seconds > 0
        [action] = parse_answer(answer.raw, request)
        assert (action.t_start_s, action.t_end_s) == (0.0, request.duration_s)
        assert action.objects[0].bbox == (32, 36, 96, 72)


def test_frames_go_with_their_times_and_the_schema(server: Server) -> None:
    """Each picture stands after its own time, the words come last, and the form is demanded strictly."""
    request = _request(7)
    _outcomes(server, request, task="Repair the pump", temperature=0.5)
    [body] = server.asked
    *parts, words = body["messages"][0]["content"]
    assert [part["text"] for part in parts[::2]] == ["0.0 s", "1.0 s", "2.0 s"]
    pictures = [part["image_url"]["url"].removeprefix("data:image/jpeg;base64,") for part in parts[1::2]]
    assert [base64.b64decode(picture) for picture in pictures] == [frame.jpeg for frame in request.frames]
    assert "Repair the pump" in words["text"]
    schema = answer_schema(request, BOX_SPACE)
    form = {"type": "json_schema", "json_schema": {"name": "annotation", "strict": True, "schema": schema}}
    assert body["response_format"] == form
    assert body["max_tokens"] > longest_json_bytes(schema)
    assert body["temperature"] == 0.5


def test_long_segment_shows_an_even_choice(server: Server) -> None:
    """Of more frames than may be sent every second, third, ... goes, with its own time; the answer says how many."""
    outcomes = _outcomes(server, _request(frames=10), frames_max=4)
    times = [part["text"] for part in server.asked[0]["messages"][0]["content"][:-1:2]]
    assert times == ["0.0 s", "3.0 s", "6.0 s", "9.0 s"]
    assert outcomes["s0"].frames == 4


def test_large_frames_are_shrunk(server: Server) -> None:
    """A frame of more pixels than a model is shown goes as a smaller picture of the same shape."""
    picture = cv2.imencode(".jpg", np.full((720, 1280, 3), (10, 120, 240), np.uint8))[1].tobytes()
    request = AnnotationRequest("s0", "0" * 64, 1.0, (Frame(0.0, picture),), 1280, 720)
    _outcomes(server, request)
    url = server.asked[0]["messages"][0]["content"][1]["image_url"]["url"]
    sent = cv2.imdecode(np.frombuffer(base64.b64decode(url.partition(",")[2]), np.uint8), cv2.IMREAD_COLOR)
    assert sent is not None
    assert sent.shape == (336, 588, 3)
    assert np.abs(sent.astype(int) - (10, 120, 240)).max() <= 3


def test_frame_that_is_no_picture_costs_its_own_segment(server: Server) -> None:
    """A frame that cannot be shrunk fails its segment; the one beside it is described."""
    broken = AnnotationRequest("s1", "1" * 64, 1.0, (Frame(0.0, b"no picture"),), 1280, 720)
    outcomes = _outcomes(server, broken, _request(2))
    assert "is no picture" in outcomes["s1"].reason
    assert isinstance(outcomes["s2"], AnnotationAnswer)


def test_facts_say_how_to_ask_again(server: Server) -> None:
    """The record has model, address, prompt and schema, and no key."""
    facts = _annotator(server).facts()
    assert facts["model"] == MODEL
    assert server.url in str(facts["runtime"])
    assert {"prompt", "prompt_sha256", "schema_sha256", "frames_max", "pixels_max", "temperature"} < facts.keys()


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(200, body="<html>Sign in</html>", headers={"Content-Type": "text/html"}), "is no chat completion"),
        (Reply(200, body="{}"), "is no chat completion"),
        (Reply(200, body='{"choices":[]}'), "has no choice in it"),
        (Reply(words=""), "the answer is empty, its finish_reason 'stop'"),
        (Reply(words="", finish_reason="content_filter"), "'content_filter'"),
        (Reply(words='{"request":', finish_reason="length"), "was cut off after 56 tokens"),
        (Reply(words="x" * 100_000), "has 100000 characters, expected at most"),
        (Reply(500, body="<html>\x1b[2J</html>"), "the server answered 500"),
        (Reply(429, body="{}", headers={"Retry-After": "0"}), "the server answered 429"),
        (Reply(429, body="{}", headers={"Retry-After": "9999"}), "the server answered 429"),
        (Reply(cut=True), "the connection to the server broke off"),
        (
            Reply(400, body='{"error":{"message":"response_format\\u001b[2J is not supported"}}'),
            "must take response_format json_schema",
        ),
    ],
)
def test_fault_costs_its_own_segment_alone(server: Server, reply: Reply, said: str) -> None:
    """A segment whose replies are all bad fails with the reason; the one beside it is described."""
    assert said in _reason(server, reply)


@pytest.mark.parametrize("reply", [Reply(500, body="{}"), Reply(429, body="{}"), Reply(cut=True)])
def test_passing_fault_costs_nothing(server: Server, reply: Reply) -> None:
    """What fails fewer times than it is tried is answered in the end."""
    server.replies = [reply] * (TRIES - 1)
    assert isinstance(_outcomes(server, _request())["s0"], AnnotationAnswer)
    assert len(server.asked) == TRIES


def test_json_of_another_shape_is_the_askers_to_refuse(server: Server) -> None:
    """Words that are no answer are handed on as they are, and do not pass the parser."""
    server.replies = [Reply(words='{"mood":"good"}')]
    answer = _outcomes(server, _request())["s0"]
    assert answer.raw == '{"mood":"good"}'
    with pytest.raises(AnswerError):
        parse_answer(answer.raw, _request())


def test_hanging_server_costs_one_segment(server: Server) -> None:
    """An answer that never comes is given up after its time; the one beside it is there long before."""
    hanging, good = _request(1), _request(2)
    server.to_segment[echo_of(hanging)] = [Reply(hangs=True)]
    outcomes = list(_annotator(server, timeout_s=0.5).annotate([hanging, good]))
    assert [outcome.segment_id for outcome in outcomes] == ["s2", "s1"]
    assert isinstance(outcomes[1], AnnotationFailure)
    assert "no answer in time" in outcomes[1].reason


def test_answers_come_as_they_are_there(server: Server) -> None:
    """The first answer is given while another is still awaited; who has enough may leave."""
    slow, quick = _request(1), _request(2)
    server.to_segment[echo_of(slow)] = [Reply(hangs=True)]
    answers = _annotator(server).annotate([slow, quick])
    assert next(answers).segment_id == "s2"
    server.released.set()
    assert next(answers).segment_id == "s1"


def test_asker_may_leave_in_the_middle(server: Server) -> None:
    """What is still under way when nobody listens any more is dropped, without a trace of an error."""
    server.to_segment[echo_of(_request(1))] = [Reply(hangs=True)]
    answers = _annotator(server).annotate([_request(1), _request(2)])
    assert isinstance(answers, Iterator)
    next(answers)
    del answers


@pytest.mark.parametrize(
    ("key", "sent", "said"),
    [("", None, "set OPENAI_API_KEY"), ("sk-expired", "Bearer sk-expired", "another key in OPENAI_API_KEY is needed")],
)
def test_refused_key_ends_it_at_once(
    server: Server, monkeypatch: pytest.MonkeyPatch, key: str, sent: str | None, said: str
) -> None:
    """A server that lets nobody in is not asked twice; the error names the variable and not its value."""
    monkeypatch.setenv("OPENAI_API_KEY", key)
    server.key = KEY
    with pytest.raises(ModelUnavailableError, match=said) as caught:
        _outcomes(server, _request())
    assert "sk-" not in str(caught.value)
    assert (len(server.asked), server.authorizations) == (1, {sent})


def test_key_comes_from_the_environment_or_a_file(server: Server, tmp_path: Path) -> None:
    """A key in ``.env`` is sent to the server, and is in no fact, no name and no representation."""
    (tmp_path / ".env").write_text(f"OPENAI_API_KEY={KEY}\n")
    server.key = KEY
    annotator = _annotator(server)
    assert [type(outcome) for outcome in annotator.annotate([_request()])] == [AnnotationAnswer]
    assert KEY not in f"{annotator.facts()} {annotator.name} {annotator!r}"


def test_unknown_model_ends_it_at_once(server: Server) -> None:
    """A server without that model can answer nothing: the error says so."""
    with pytest.raises(ModelUnavailableError, match=r"knows no such model, or its address is another \(404\)"):
        _outcomes(server, _request(), model="other")


def test_answers_are_given_before_the_end_is_said(server: Server) -> None:
    """Where one request finds the server closed to it, an answer to another that came before is not lost."""
    refused, answered = _request(1), _request(2)
    server.to_segment[echo_of(refused)] = [Reply(403, body="{}", hangs=True)]
    outcomes = _annotator(server).annotate([refused, answered])
    assert next(outcomes).segment_id == "s2"
    server.released.set()
    with pytest.raises(ModelUnavailableError, match=r"refuses access \(403\): set OPENAI_API_KEY"):
        next(outcomes)


def test_server_that_loads_its_model_is_waited_for(server: Server) -> None:
    """A server that says for a while that it is not ready yet costs no segment, however often it says so."""
    server.replies = [Reply(503, body='{"error":{"message":"Loading model"}}')] * 20
    assert isinstance(_outcomes(server, _request())["s0"], AnnotationAnswer)


class _StartsServer(logging.Handler):
    """Starts a server as soon as the annotator says that it waits for one."""

    def __init__(self, stack: ExitStack, port: int) -> None:
        super().__init__()
        self._stack, self._port = stack, port
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())
        self._stack.enter_context(serving(self._port))


def test_server_that_is_not_up_yet_is_waited_for() -> None:
    """Nobody listens at first; the server that comes then is asked, and the wait was announced."""
    with ExitStack() as stack:
        port = stack.enter_context(free_port())
        handler = _StartsServer(stack, port)
        logger = logging.getLogger("models.openai_patience")
        logger.addHandler(handler)
        stack.callback(logger.removeHandler, handler)
        annotator = OpenAIAnnotator(OpenAISettings(f"http://127.0.0.1:{port}/v1", MODEL))
        [outcome] = annotator.annotate([_request()])
    assert isinstance(outcome, AnnotationAnswer)
    assert handler.said == [f"nobody answers at http://127.0.0.1:{port}/v1: waiting for up to 300 s"]


def test_server_that_stays_away_is_unavailable() -> None:
    """Where nobody comes within the time, the annotator can answer nothing, and says what helps."""
    with free_port() as port, pytest.raises(ModelUnavailableError, match="has not been there for 0 s: start it"):
        list(OpenAIAnnotator(OpenAISettings(f"http://127.0.0.1:{port}/v1", MODEL, wait_s=0)).annotate([_request()]))


def test_server_that_dies_midway_is_unavailable_not_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was described stays; for the rest nobody is there, and no segment is said to have failed for it."""
    monkeypatch.chdir(tmp_path)
    with serving() as server:
        annotator = _annotator(server, wait_s=0)
        assert [type(outcome) for outcome in annotator.annotate([_request(1)])] == [AnnotationAnswer]
    with pytest.raises(ModelUnavailableError, match="has not been there"):
        list(annotator.annotate([_request(2)]))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("localhost:8000", "is no server's: expected one like http"),
        ("ftp://host/v1", "is no server's"),
        ("http://me:secret@host/v1", "a key belongs in OPENAI_API_KEY"),
        ("http://host/v1?api_key=secret", "a key belongs in OPENAI_API_KEY"),
    ],
)
def test_address_without_secrets(url: str, said: str) -> None:
    """An address is checked before anybody is asked; one that holds a secret is refused without repeating it."""
    with pytest.raises(ValueError, match=said) as caught:
        OpenAIAnnotator(OpenAISettings(url, MODEL))
    assert "secret" not in str(caught.value)


def test_chosen_by_name(server: Server) -> None:
    """The annotator is made by its name from an address and a model; without either it says what it needs."""
    choice = AnnotatorChoice("openai", MODEL, server.url, batch_max=3)
    assert choose_annotator(choice) == choice
    annotator = make_annotator(choice)
    assert (annotator.name, annotator.batch_max) == (f"openai:{MODEL}", 3)
    for lacking in (replace(choice, url=None), replace(choice, model=None)):
        with pytest.raises(ValueError, match="expected its address"):
            choose_annotator(lacking)
