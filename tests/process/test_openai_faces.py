"""The annotator that asks a server adapts to what the server accepts: once for the whole run, and it says so."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.annotators.annotator import AnnotationAnswer, AnnotationFailure, AnnotationRequest, RequestFrame
from models.annotators.response.parse import parse_answer
from models.errors import ModelUnavailableError
from tests.support import openai_faces as faces
from tests.support.echo_server import TOKENS_IN, TOKENS_OUT
from tests.support.openai_requests import annotator, openai_server, outcomes, segment
from tests.support.openai_server import OpenAIServer, ScriptedReply


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    """A server, whose client retries without pauses, and no key in sight."""
    with openai_server(tmp_path, monkeypatch) as server:
        yield server


def large_segment(number: int) -> AnnotationRequest:
    """A segment of one frame of noise, whose picture has as many bytes as pictures have."""
    noise = np.random.default_rng(number).integers(0, 256, (720, 1280, 3), np.uint8)
    picture = cv2.imencode(".jpg", noise)[1].tobytes()
    return AnnotationRequest(f"s{number}", f"{number:02x}" * 32, 1.0, (RequestFrame(0.0, picture),), 1280, 720)


@pytest.mark.parametrize(
    ("refuses", "changes"),
    [
        (faces.wants_completion_tokens, ["max_completion_tokens instead of max_tokens"]),
        (faces.takes_no_limit, ["max_completion_tokens instead of max_tokens", "no max_completion_tokens"]),
        (faces.takes_no_temperature, ["no temperature, so that answers depend on chance"]),
        (
            faces.wants_temperature_1,
            ["no temperature, so that answers depend on chance", "a temperature of 1"],
        ),
        (faces.knows_json_object_only, ["response_format json_object instead of json_schema"]),
        (faces.knows_text_only, ["response_format json_object instead of json_schema", "no response_format"]),
        (faces.knows_no_multiple_of, ["a schema without multipleOf"]),
        (faces.has_xgrammar, ["a schema without multipleOf", "a schema without maxLength"]),
        (
            faces.knows_no_bounds,
            [
                "a schema without multipleOf",
                "a schema without maxLength",
                "a schema without maxItems, maximum, minItems, minimum, pattern",
            ],
        ),
        (faces.takes_two_pictures, ["at most 2 pictures of a segment"]),
        (faces.takes_few_pictures, [f"at most {most} pictures of a segment" for most in (16, 8, 4, 2)]),
        (faces.has_short_context, ["at most 2048 tokens in an answer"]),
        (faces.has_short_prompt, ["at most 16 pictures of a segment", "at most 8 pictures of a segment"]),
        (
            faces.is_hosted_and_strict,
            [
                "max_completion_tokens instead of max_tokens",
                "no temperature, so that answers depend on chance",
                "a schema without multipleOf",
                "at most 2 pictures of a segment",
            ],
        ),
    ],
)
def test_refused_parameter_is_changed_once_for_the_run(
    server: OpenAIServer, caplog: pytest.LogCaptureFixture, refuses: faces.Refuses, changes: list[str]
) -> None:
    """Each change costs one request, is announced once and is in the facts; later segments are sent as accepted."""
    server.refuses = refuses
    asks = annotator(server)
    with caplog.at_level(logging.WARNING):
        assert [type(each) for each in asks.annotate([segment(0, frames=40)])] == [AnnotationAnswer]
        assert len(server.requests) == 1 + len(changes)
        more = [segment(number, frames=40) for number in (1, 2, 3)]
        assert [type(each) for each in asks.annotate(more)] == 3 * [AnnotationAnswer]
    assert len(server.requests) == 4 + len(changes)
    assert asks.facts()["adaptations"] == "; ".join(changes)
    assert [message.rpartition("from now on: ")[2] for message in caplog.messages] == changes


def test_segments_under_way_share_one_change(server: OpenAIServer) -> None:
    """Of requests that are refused together, one leads to the change, and all are repeated."""
    server.refuses = faces.wants_completion_tokens
    asks = annotator(server)
    results = list(asks.annotate([segment(number) for number in range(5)]))
    assert [type(each) for each in results] == 5 * [AnnotationAnswer]
    assert asks.facts()["adaptations"] == "max_completion_tokens instead of max_tokens"
    assert len(server.requests) <= 10


def test_body_that_is_too_large_gets_smaller_pictures(server: OpenAIServer) -> None:
    """413 leads to smaller pictures, and boxes still lie in the grid that is named."""
    server.refuses = faces.takes_small_bodies
    asks = annotator(server, box_unit="pixels")
    answers = [each for each in asks.annotate([large_segment(1)]) if isinstance(each, AnnotationAnswer)]
    sizes = [len(faces.pictures_of(body)[0]) for body in server.requests]
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) > 1
    assert int(asks.facts()["pixels_max"]) < 200_704
    [answer] = answers
    assert answer.box_space is not None
    assert answer.box_space[0] * answer.box_space[1] <= int(asks.facts()["pixels_max"])


def test_temperature_that_is_not_sent_is_no_fact(server: OpenAIServer) -> None:
    server.refuses = faces.takes_no_temperature
    asks = annotator(server)
    assert asks.facts()["temperature"] == 0.0
    list(asks.annotate([segment()]))
    assert "temperature" not in asks.facts()
    assert "temperature" not in server.requests[-1]


def test_schema_without_keywords_is_the_same_otherwise(server: OpenAIServer) -> None:
    """Only the keyword goes: the bounds, which the server knows, stay."""
    server.refuses = faces.knows_no_multiple_of
    outcomes(server, segment())
    refused, taken = (json.dumps(body["response_format"]) for body in server.requests)
    assert taken == refused.replace(', "multipleOf": 0.1', "")


@pytest.mark.parametrize("dress", faces.DRESSES)
def test_answer_is_taken_in_any_dress(server: OpenAIServer, dress: str) -> None:
    """Wherever a good answer stands in a reply, it describes its segment, with the tokens that the server counts."""
    server.dresses = faces.DRESSES[dress]
    request = segment(3)
    answer = outcomes(server, request)["s3"]
    assert isinstance(answer, AnnotationAnswer), answer.reason
    assert (answer.tokens_in, answer.tokens_out) == (TOKENS_IN, TOKENS_OUT)
    [action] = parse_answer(answer.raw, request, answer.box_space).actions
    assert (action.t_start_s, action.t_end_s) == (0.0, request.duration_s)


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (None, (0, 0)),
        ({"prompt_tokens": None, "completion_tokens": None}, (0, 0)),
        ({"prompt_tokens": -1, "completion_tokens": 5}, (0, 5)),
        ({"prompt_tokens": 12.0, "completion_tokens": "5"}, (12, 5)),
        ({"prompt_tokens": 1e300, "completion_tokens": float("nan")}, (0, 0)),
        ({"prompt_tokens": True, "completion_tokens": []}, (0, 0)),
        ("many", (0, 0)),
        ([], (0, 0)),
    ],
)
def test_odd_usage_costs_no_answer(server: OpenAIServer, usage: object, tokens: tuple[int, int]) -> None:
    """What is a count is taken as one; what is none is 0."""
    server.dresses = lambda answer: faces.with_usage(answer, usage)
    answer = outcomes(server, segment())["s0"]
    assert isinstance(answer, AnnotationAnswer)
    assert (answer.tokens_in, answer.tokens_out) == tokens


@pytest.mark.parametrize(
    ("message", "reason", "raw"),
    [
        ({"refusal": "I can't help\x1b[2J with that."}, 'the model refuses: "I can\'t help\\x1b[2J with that."', ""),
        ({"content": None}, "the answer is empty, its finish_reason 'stop'", ""),
        ({"content": {"mood": "good"}}, None, '{"mood":"good"}'),
        ({"content": "no", "reasoning": "yes"}, None, '{"role":"assistant","content":"no","reasoning":"yes"}'),
    ],
)
def test_reply_without_an_answer_is_kept_whole(
    server: OpenAIServer, message: dict[str, Any], reason: str | None, raw: str
) -> None:
    """A refusal's text is the reason; whatever else the message says goes into the raw responses."""
    server.dresses = lambda _: faces._message(**message)
    outcome = outcomes(server, segment())["s0"]
    assert outcome.raw == raw
    if reason is not None:
        assert isinstance(outcome, AnnotationFailure)
        assert outcome.reason == reason


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (faces.refusal("Insufficient credits", 402), r"wants to be paid first \(402\).*'Insufficient credits'"),
        (faces.refusal("Not Found", 404), r"does not have this model, .* it says 'Not Found'"),
        (faces.refusal("tiny is not a valid model ID"), r"does not have this model \(400\): name one that it has"),
        (faces.refusal("Server is pinned to 'big'; requested 'tiny'."), r"does not have this model \(400\)"),
        (faces.refusal("Method Not Allowed", 405), r"its address is wrong \(405\)"),
        (ScriptedReply(407, body="<html>"), r"a proxy wants a user name and a password \(407\)"),
        (faces.refusal("You exceeded it", 429, code="insufficient_quota"), r"has no quota left for this key \(429\)"),
        (faces.refusal("At most 0 image(s) may be provided in one prompt."), "has a model that takes no pictures"),
        (faces.refusal("image input is not supported - hint: mmproj", 500), "has a model that takes no pictures"),
        (ScriptedReply(429, body="{}", headers={"Retry-After": "9999"}), "asks to wait for 9999 s, which is longer"),
    ],
)
def test_what_no_segment_can_pass_ends_it(server: OpenAIServer, reply: ScriptedReply, message: str) -> None:
    """One request is enough to know it."""
    server.refuses = lambda _: reply
    asks = annotator(server)
    with pytest.raises(ModelUnavailableError, match=message):
        list(asks.annotate([segment(1)]))
    assert len(server.requests) == 1


def test_what_ended_it_is_not_tried_again(server: OpenAIServer) -> None:
    """A server that lets nobody in gets one segment; one that has answered before, one of each of three batches."""
    server.refuses = lambda _: faces.refusal("revoked", 401)
    asks = annotator(server)
    for number in range(5):
        with pytest.raises(ModelUnavailableError, match="refuses access"):
            list(asks.annotate([segment(number)]))
    assert len(server.requests) == 1
    server.refuses = lambda _: None
    answered = annotator(server)
    list(answered.annotate([segment(5)]))
    server.refuses = lambda _: faces.refusal("revoked", 401)
    for number in range(5):
        with pytest.raises(ModelUnavailableError, match="refuses access"):
            list(answered.annotate([segment(number)]))
    assert len(server.requests) == 1 + 1 + 3


def test_server_that_is_there_again_is_asked_again(server: OpenAIServer) -> None:
    """A moment's 404 of a gateway costs the batches of that moment."""
    asks = annotator(server)
    list(asks.annotate([segment(1)]))
    for _ in range(3):
        server.replies = [faces.refusal("no route", 404)] * 2
        for number in (2, 3):
            with pytest.raises(ModelUnavailableError, match=r"its address is wrong \(404\)"):
                list(asks.annotate([segment(number)]))
        assert [type(each) for each in asks.annotate([segment(4)])] == [AnnotationAnswer]


@pytest.mark.parametrize(
    "reply",
    [faces.refusal("Provider returned error"), ScriptedReply(200, body="<!doctype html><title>Sign in</title>")],
)
def test_same_refusal_of_three_segments_ends_it(server: OpenAIServer, reply: ScriptedReply) -> None:
    """Before any answer, three segments that fail alike say that every one would; after one, each fails alone."""
    server.refuses = lambda _: reply
    asks = annotator(server, batch_max=1)
    assert [type(each) for number in (1, 2) for each in asks.annotate([segment(number)])] == 2 * [AnnotationFailure]
    if reply.status == 200:
        list(asks.annotate([segment(3)]))
        with pytest.raises(ModelUnavailableError, match="refuses every request"):
            list(asks.annotate([segment(4)]))
    else:
        with pytest.raises(ModelUnavailableError, match=r"refuses every request \(400: 'Provider returned error'\)"):
            list(asks.annotate([segment(3)]))
    answered = annotator(server, batch_max=1)
    server.refuses = lambda _: None
    list(answered.annotate([segment(9)]))
    server.refuses = lambda _: reply
    assert [type(each) for number in range(5) for each in answered.annotate([segment(number)])] == 5 * [
        AnnotationFailure
    ]


def test_error_with_status_200_is_an_error(server: OpenAIServer) -> None:
    """A body that names an error is tried again as one, and not taken for an empty answer."""
    overloaded = ScriptedReply(body=json.dumps({"error": {"message": "upstream overloaded", "code": 502}}))
    server.replies = [overloaded] * 2
    assert isinstance(outcomes(server, segment())["s0"], AnnotationAnswer)
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [307, 308])
def test_redirected_request_is_followed(server: OpenAIServer, status: int) -> None:
    server.replies = [ScriptedReply(status, body="", headers={"Location": f"{server.url}/chat/completions"})]
    assert isinstance(outcomes(server, segment())["s0"], AnnotationAnswer)
    assert server.requests[0] == server.requests[1]


@pytest.mark.parametrize("status", [429, 503, 529])
def test_busy_server_is_waited_for(server: OpenAIServer, caplog: pytest.LogCaptureFixture, status: int) -> None:
    """However often it says so within --annotator-wait-s, no segment is lost; it is announced once."""
    server.replies = [ScriptedReply(status, body="{}", headers={"retry-after-ms": "1"})] * 20
    assert isinstance(outcomes(server, segment())["s0"], AnnotationAnswer)
    assert len(server.requests) == 21
    assert [message.rpartition(": ")[2] for message in caplog.messages] == ["waiting for up to 300 s"]


def test_server_that_stays_busy_ends_it(server: OpenAIServer) -> None:
    server.replies = [ScriptedReply(429, body="{}")] * 9
    with pytest.raises(ModelUnavailableError, match="has had too many requests for 0 s: set a smaller"):
        outcomes(server, segment(), wait_s=0)
