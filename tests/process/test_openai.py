"""The annotator that asks a server: what it asks, and what it makes of every kind of reply."""

import base64
import gzip
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.annotators.annotator import AnnotationAnswer, AnnotationFailure, AnnotationRequest, RequestFrame
from models.annotators.box_space import THOUSANDTHS
from models.annotators.openai.retry_policy import TRIES
from models.annotators.response.parse import AnswerError, parse_answer
from models.annotators.response.schema import answer_schema, echo_of, longest_json_bytes
from tests.support.echo_server import MODEL, TOKENS_IN, TOKENS_OUT
from tests.support.openai_requests import annotator, openai_server, outcomes, segment
from tests.support.openai_server import OpenAIServer, ScriptedReply

PACKED = gzip.compress(b" " * 2**21)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    """A server, whose client retries without pauses, and no key in sight."""
    with openai_server(tmp_path, monkeypatch) as server:
        yield server


def _reason(server: OpenAIServer, reply: ScriptedReply) -> str:
    """Why a segment failed that always gets ``reply``, while the one beside it is answered."""
    bad, good = segment(1), segment(2)
    server.to_segment[echo_of(bad)] = [reply] * TRIES
    results = outcomes(server, bad, good)
    assert isinstance(results["s2"], AnnotationAnswer)
    failure = results["s1"]
    assert isinstance(failure, AnnotationFailure)
    assert failure.frames_digest == bad.frames_digest
    assert failure.reason.isprintable()
    return failure.reason


def test_each_request_gets_its_own_answer(server: OpenAIServer) -> None:
    """Each segment's answer carries its id and digest, parses against its schema, and counts the server's tokens."""
    requests = [segment(number) for number in range(5)]
    results = outcomes(server, *requests)
    assert results.keys() == {request.segment_id for request in requests}
    for request in requests:
        answer = results[request.segment_id]
        assert answer.frames_digest == request.frames_digest
        assert (answer.frames, answer.tokens_in, answer.tokens_out) == (3, TOKENS_IN, TOKENS_OUT)
        assert answer.seconds > 0
        [action] = parse_answer(answer.raw, request, answer.box_space).actions
        assert (action.t_start_s, action.t_end_s) == (0.0, request.duration_s)
        assert action.objects[0].bbox == (34, 39, 101, 78)


def test_frames_go_with_their_times_and_the_schema(server: OpenAIServer) -> None:
    """Each picture stands after its own time, the words come last, and the form is demanded strictly."""
    request = segment(7)
    outcomes(server, request, task="Repair the pump")
    [body] = server.requests
    *parts, words = body["messages"][0]["content"]
    assert [part["text"] for part in parts[::2]] == ["0.0 s", "1.0 s", "2.0 s"]
    pictures = [part["image_url"]["url"].removeprefix("data:image/jpeg;base64,") for part in parts[1::2]]
    assert [base64.b64decode(picture) for picture in pictures] == [frame.jpeg for frame in request.frames]
    assert "Repair the pump" in words["text"]
    schema = answer_schema(request, THOUSANDTHS)
    form = {"type": "json_schema", "json_schema": {"name": "annotation", "strict": True, "schema": schema}}
    assert body["response_format"] == form
    assert body["max_tokens"] > longest_json_bytes(schema)
    assert body["temperature"] == 0.0


def test_long_segment_shows_an_even_choice(server: OpenAIServer) -> None:
    """Of more frames than may be sent every second, third, ... goes, with its own time; the answer says how many."""
    results = outcomes(server, segment(frames=10), frames_max=4)
    times = [part["text"] for part in server.requests[0]["messages"][0]["content"][:-1:2]]
    assert times == ["0.0 s", "3.0 s", "6.0 s", "9.0 s"]
    assert results["s0"].frames == 4


def test_large_frames_are_shrunk(server: OpenAIServer) -> None:
    """A frame of more pixels than a model is shown goes as a smaller picture of the same shape."""
    picture = cv2.imencode(".jpg", np.full((720, 1280, 3), (10, 120, 240), np.uint8))[1].tobytes()
    request = AnnotationRequest("s0", "0" * 64, 1.0, (RequestFrame(0.0, picture),), 1280, 720)
    outcomes(server, request)
    url = server.requests[0]["messages"][0]["content"][1]["image_url"]["url"]
    sent = cv2.imdecode(np.frombuffer(base64.b64decode(url.partition(",")[2]), np.uint8), cv2.IMREAD_COLOR)
    assert sent is not None
    assert sent.shape == (336, 588, 3)
    assert np.abs(sent.astype(int) - (10, 120, 240)).max() <= 3


def test_frame_that_is_not_a_picture_fails_its_own_segment(server: OpenAIServer) -> None:
    """A frame that cannot be shrunk fails its segment; the one beside it is described."""
    broken = AnnotationRequest("s1", "1" * 64, 1.0, (RequestFrame(0.0, b"no picture"),), 1280, 720)
    results = outcomes(server, broken, segment(2))
    assert "is not a picture" in results["s1"].reason
    assert isinstance(results["s2"], AnnotationAnswer)


def test_facts_say_how_to_ask_again(server: OpenAIServer) -> None:
    """The record has model, address, prompt and schema, and no key."""
    facts = annotator(server).facts()
    assert facts["model"] == MODEL
    assert server.url in str(facts["runtime"])
    assert {"prompt", "prompt_sha256", "schema_sha256", "frames_max", "pixels_max", "temperature"} < facts.keys()


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (
            ScriptedReply(200, body="<html>Sign in</html>", headers={"Content-Type": "text/html"}),
            "is not a chat completion",
        ),
        (ScriptedReply(200, body="{}"), "is not a chat completion"),
        (ScriptedReply(200, body='{"choices":[]}'), "has no choice in it"),
        (ScriptedReply(200, body='{"choices":null,"usage":null}'), "has no choice in it"),
        (ScriptedReply(words=""), "the answer is empty, its finish_reason 'stop'"),
        (ScriptedReply(words="", finish_reason="content_filter"), "'content_filter'"),
        (ScriptedReply(words='{"request":', finish_reason="length"), "was cut off after 56 tokens"),
        (ScriptedReply(words="x" * 100_000), "has 100000 characters, expected at most"),
        (ScriptedReply(500, body="<html>\x1b[2J</html>"), "the server answered 500"),
        (ScriptedReply(cut=True), "the connection to the server broke off"),
        (ScriptedReply(endless=True), "the server's reply is longer than 1048576 bytes"),
        (ScriptedReply(500, endless=True), "the server's reply is longer than 1048576 bytes"),
        (
            ScriptedReply(body=PACKED.decode("latin-1"), headers={"Content-Encoding": "gzip"}),
            "is longer than 1048576 bytes",
        ),
        (
            ScriptedReply(400, body='{"error":{"message":"the picture\\u001b[2J is broken"}}'),
            "the server refuses the request with 400: 'the picture\\x1b[2J is broken'",
        ),
    ],
)
def test_fault_costs_its_own_segment_alone(server: OpenAIServer, reply: ScriptedReply, message: str) -> None:
    """A segment whose replies are all bad fails with the reason; the one beside it is described."""
    assert message in _reason(server, reply)


@pytest.mark.parametrize("reply", [ScriptedReply(endless=True), ScriptedReply(500, endless=True)])
def test_endless_reply_is_read_to_its_bound_only(server: OpenAIServer, reply: ScriptedReply) -> None:
    """Of a body without end a few megabytes leave the server, also those in sockets; it gets one request."""
    server.replies = [reply]
    failure = outcomes(server, segment())["s0"]
    assert isinstance(failure, AnnotationFailure)
    assert len(server.requests) == 1
    assert server.sent_bytes < 32 * 2**20


@pytest.mark.parametrize(
    ("reply", "raw", "tokens"),
    [
        (ScriptedReply(words='{"request":', finish_reason="length"), '{"request":', (TOKENS_IN, TOKENS_OUT)),
        (ScriptedReply(words="", finish_reason="content_filter"), "", (TOKENS_IN, TOKENS_OUT)),
        (ScriptedReply(body='{"choices":[]}'), '{"choices":[]}', (0, 0)),
        (ScriptedReply(body="<html>"), "<html>", (0, 0)),
        (ScriptedReply(500, body="{}"), "", (0, 0)),
    ],
)
def test_failure_has_the_raw_response_and_its_cost(
    server: OpenAIServer, reply: ScriptedReply, raw: str, tokens: tuple[int, int]
) -> None:
    """A reply that is no answer is handed on as it came, with the tokens that the server counts, and its time."""
    server.replies = [reply] * TRIES
    failure = outcomes(server, segment())["s0"]
    assert isinstance(failure, AnnotationFailure)
    assert (failure.raw, (failure.tokens_in, failure.tokens_out)) == (raw, tokens)
    assert (failure.seconds > 0) == (reply.status == 200)


@pytest.mark.parametrize(
    "reply", [ScriptedReply(500, body="{}"), ScriptedReply(429, body="{}"), ScriptedReply(cut=True)]
)
def test_passing_fault_costs_nothing(server: OpenAIServer, reply: ScriptedReply) -> None:
    """What fails fewer times than it is tried is answered in the end."""
    server.replies = [reply] * (TRIES - 1)
    assert isinstance(outcomes(server, segment())["s0"], AnnotationAnswer)
    assert len(server.requests) == TRIES


def test_json_of_another_shape_is_the_askers_to_refuse(server: OpenAIServer) -> None:
    """Words that are no answer are handed on as they are, and do not pass the parser."""
    server.replies = [ScriptedReply(words='{"mood":"good"}')]
    answer = outcomes(server, segment())["s0"]
    assert answer.raw == '{"mood":"good"}'
    with pytest.raises(AnswerError):
        parse_answer(answer.raw, segment())


def test_hanging_server_costs_one_segment(server: OpenAIServer) -> None:
    """An answer that does not come in time is given up; the next segment is still sent."""
    server.to_segment[echo_of(segment(1))] = [ScriptedReply(hangs=True)]
    failure = outcomes(server, segment(1), timeout_s=0.2)["s1"]
    assert isinstance(failure, AnnotationFailure)
    assert "did not answer in time" in failure.reason
    assert failure.seconds == 0.2
    assert isinstance(outcomes(server, segment(2))["s2"], AnnotationAnswer)


def test_answers_come_as_they_are_there(server: OpenAIServer) -> None:
    """The first answer is given while another is still awaited; who has enough may leave."""
    slow, quick = segment(1), segment(2)
    server.to_segment[echo_of(slow)] = [ScriptedReply(hangs=True)]
    answers = annotator(server).annotate([slow, quick])
    assert next(answers).segment_id == "s2"
    server.released.set()
    assert next(answers).segment_id == "s1"


def test_asker_may_leave_in_the_middle(server: OpenAIServer) -> None:
    """What is still under way when nobody listens any more is dropped, without a trace of an error."""
    server.to_segment[echo_of(segment(1))] = [ScriptedReply(hangs=True)]
    answers = annotator(server).annotate([segment(1), segment(2)])
    assert isinstance(answers, Iterator)
    next(answers)
    del answers
