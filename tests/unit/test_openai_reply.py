"""The stream of events that some servers send without being asked: an answer in it is found, junk is refused."""

import json
from typing import Any

import pytest

from models.annotators.openai.reply import NoCompletionError, read_reply


def stream(*chunks: Any) -> str:  # noqa: ANN401  (any JSON)
    """Events that carry these values."""
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


def delta(**fields: Any) -> dict[str, Any]:  # noqa: ANN401  (any JSON)
    """A chunk of a completion."""
    return {"choices": [{"index": 0, "delta": fields}]}


@pytest.mark.parametrize(
    "body",
    [
        stream(delta(content="an "), delta(content="answer")),
        stream(delta(content=None), delta(content=[{"text": "an "}, {"text": "answer"}])),
        stream(delta(reasoning_content="an "), delta(reasoning_content="answer")),
        stream({"choices": [{"message": {"content": "an answer"}}]}),
        stream(
            delta(tool_calls=[{"function": {"name": "annotation", "arguments": "an "}}]),
            delta(tool_calls=[{"function": {"arguments": "answer"}}]),
        ),
        ": PROCESSING\n\n" + stream(delta(content="an answer")),
        "event: message\r\n" + stream(delta(content="an answer")),
        stream(None, 5, [1], {"choices": None}, {"choices": ["x"]}, delta(content="an answer"), {"choices": 5}),
        stream({"choices": [{"delta": "odd"}]}, delta(content="an answer")),
        stream(delta(content="an\u2028answer")).replace("\\u2028", "\u2028"),
    ],
)
def test_answer_in_a_stream(body: str) -> None:
    """Texts of all chunks are joined, wherever they stand; what is no chunk is left out, and so are comments."""
    reply = read_reply(body, lambda text: text in ("an answer", "an\u2028answer"))
    assert reply.words in ("an answer", "an\u2028answer")


@pytest.mark.parametrize(
    "value", [None, 5, [1], "x", {}, {"choices": 5}, {"choices": ["x"]}, {"error": {"message": "m"}}]
)
def test_stream_without_a_completion(value: object) -> None:
    """It is refused in one clause that quotes its beginning."""
    with pytest.raises(NoCompletionError, match="the server's reply is not a chat completion: 'data: "):
        read_reply(stream(value), lambda _: False)


def test_usage_and_end_of_a_stream() -> None:
    """The last ones that are not empty count."""
    body = stream({"usage": {"prompt_tokens": 7, "completion_tokens": 2}}, delta(content="x"), {"usage": None})
    reply = read_reply(body, lambda _: True)
    assert (reply.tokens_in, reply.tokens_out) == (7, 2)


@pytest.mark.parametrize("count", ["9" * 5000, "-" + "9" * 5000, "1e999", "-5", '"many"', "true", "null"])
def test_answer_survives_an_absurd_usage(count: str) -> None:
    """What is no count is 0; Python's own limit is 4300 digits."""
    usage = f'{{"prompt_tokens":{count},"completion_tokens":12}}'
    body = f'{{"choices":[{{"message":{{"content":"x"}}}}],"usage":{usage}}}'
    for whole in (body, f"data: {body}\n\n"):
        reply = read_reply(whole, lambda _: True)
        assert (reply.words, reply.tokens_in, reply.tokens_out) == ("x", 0, 12)
