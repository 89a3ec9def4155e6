"""Pictures from before a segment in a request to a server: how they are sent, and that they are the first to go."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.annotators.annotator import AnnotationAnswer, RequestFrame
from models.annotators.response.parse import parse_answer
from tests.support.noise_segments import noise_segment
from tests.support.openai_requests import annotator, openai_server, outcomes
from tests.support.openai_server import OpenAIServer, ScriptedReply
from tests.support.preceding_requests import with_preceding

LABELS = [
    "Context, from just before the segment:", "2.7 s before", "1.7 s before", "0.7 s before", "The segment:",
    "0.0 s", "1.0 s",
]  # fmt: skip
REQUEST = with_preceding(noise_segment([0.0, 1.0], width_px=336, height_px=196))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    """A server, whose client retries without pauses."""
    with openai_server(tmp_path, monkeypatch) as server:
        yield server


def labels(body: dict[str, Any]) -> list[str]:
    """The texts of a request, but for the prompt."""
    return [part["text"] for part in body["messages"][0]["content"][:-1] if part["type"] == "text"]


def pictures(body: dict[str, Any]) -> list[bytes]:
    """The pictures of a request."""
    urls = [part["image_url"]["url"] for part in body["messages"][0]["content"] if part["type"] == "image_url"]
    return [base64.b64decode(url.partition(",")[2]) for url in urls]


def test_they_stand_before_the_segments_own(server: OpenAIServer) -> None:
    """Each after its time, with words on what they are; the answer's times and schema are the segment's own."""
    answer = outcomes(server, REQUEST)["s0"]
    assert isinstance(answer, AnnotationAnswer)
    (body,) = server.requests
    assert labels(body) == LABELS
    assert pictures(body) == [frame.jpeg for frame in (*REQUEST.preceding, *REQUEST.frames)]
    assert (
        "a few others, from the last 2.7 seconds before it, marked as context"
        in body["messages"][0]["content"][-1]["text"]
    )
    assert (answer.frames, answer.preceding_frames, answer.frame_times_s) == (2, 3, [0.0, 1.0])
    (action,) = parse_answer(answer.raw, REQUEST, answer.box_space).actions
    assert (action.t_start_s, action.t_end_s) == (0.0, 2.0)


def test_a_segment_without_them_says_nothing_of_it(server: OpenAIServer) -> None:
    """Not a word, and no label."""
    outcomes(server, replace(REQUEST, preceding=()))
    (body,) = server.requests
    assert labels(body) == LABELS[-2:]
    assert "context" not in body["messages"][0]["content"][-1]["text"]


def test_they_are_scaled_as_the_segments_own(server: OpenAIServer) -> None:
    """To the one size of the request."""
    outcomes(server, with_preceding(noise_segment([0.0], width_px=456, height_px=256)))
    assert len({len(picture) > 0 for picture in pictures(server.requests[0])}) == 1
    assert len(pictures(server.requests[0])) == 4


@pytest.mark.parametrize("jpeg", [b"junk", noise_segment([0.0]).frames[0].jpeg])
def test_what_is_no_picture_of_its_size_is_left_out(server: OpenAIServer, jpeg: bytes) -> None:
    """A damaged file of another segment must not cost this one its description."""
    answer = outcomes(server, replace(REQUEST, preceding=(RequestFrame(-2.7, jpeg), *REQUEST.preceding[1:])))["s0"]
    assert isinstance(answer, AnnotationAnswer)
    assert answer.preceding_frames == 2
    assert labels(server.requests[0]) == [LABELS[0], *LABELS[2:]]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "At most 3 image(s) may be provided in one prompt."),
        (400, "This model's maximum context length is 8192 tokens. However, you requested 12000 tokens"),
        (413, ""),
    ],
)
def test_they_go_before_anything_of_the_segment_does(server: OpenAIServer, status: int, words: str) -> None:
    """A server that takes less gets the whole segment, and nothing else from then on; the facts name it."""
    server.refuses = lambda body: ScriptedReply(status, words) if len(pictures(body)) > 3 else None
    asked = annotator(server)
    (first,) = asked.annotate([REQUEST])
    (second,) = asked.annotate([REQUEST])
    assert isinstance(first, AnnotationAnswer)
    assert isinstance(second, AnnotationAnswer)
    assert [len(pictures(body)) for body in server.requests] == [5, 2, 2]
    assert (first.frames, first.preceding_frames, second.preceding_frames) == (2, 0, 0)
    assert asked.facts()["adaptations"] == "no pictures from before a segment"
    assert server.requests[1]["max_tokens"] == server.requests[0]["max_tokens"]


def test_a_refusal_of_something_else_leaves_them(server: OpenAIServer) -> None:
    """Also one of too many tokens in the answer alone."""
    too_many = "max_tokens is too large: 8277. This model supports at most 4096 tokens"
    server.refuses = lambda body: ScriptedReply(400, too_many) if body["max_tokens"] > 4096 else None
    answer = outcomes(server, REQUEST)["s0"]
    assert isinstance(answer, AnnotationAnswer)
    assert [len(pictures(body)) for body in server.requests] == [5, 5]
