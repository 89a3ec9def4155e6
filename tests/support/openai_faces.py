"""The faces of servers of the OpenAI kind: what one refuses until it is asked otherwise, how another dresses answers.

The words are those that such servers use, or near to them; each face is one function of a request or of an answer.
"""

import json
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from tests.support.echo_server import TOKENS_IN, TOKENS_OUT, completion
from tests.support.openai_server import ScriptedReply

Body: TypeAlias = dict[str, Any]
Refuses: TypeAlias = Callable[[Body], ScriptedReply | None]
Dresses: TypeAlias = Callable[[str], str]


def refusal(message: str, status: int = 400, **more: str) -> ScriptedReply:
    """An error in OpenAI's form."""
    return ScriptedReply(status, body=json.dumps({"error": {"message": message, **more}}))


def wants_completion_tokens(body: Body) -> ScriptedReply | None:
    words = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    return refusal(words, param="max_tokens", code="unsupported_parameter") if "max_tokens" in body else None


def takes_no_limit(body: Body) -> ScriptedReply | None:
    named = next((name for name in ("max_tokens", "max_completion_tokens") if name in body), None)
    return refusal(f"Unrecognized request argument supplied: {named}") if named else None


def takes_no_temperature(body: Body) -> ScriptedReply | None:
    words = (
        "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported."
    )
    return refusal(words, param="temperature") if body.get("temperature", 1) != 1 else None


def wants_temperature_1(body: Body) -> ScriptedReply | None:
    """As one that does not take a parameter that is left out for its default."""
    words = "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) is supported."
    return refusal(words, param="temperature") if body.get("temperature") != 1 else None


def _answer_type(body: Body) -> str | None:
    answer_type: str | None = body.get("response_format", {}).get("type")
    return answer_type


def knows_json_object_only(body: Body) -> ScriptedReply | None:
    is_schema = _answer_type(body) == "json_schema"
    return refusal("This response_format type is unavailable now: json_schema") if is_schema else None


def knows_text_only(body: Body) -> ScriptedReply | None:
    answer_type = _answer_type(body)
    return refusal(f"'response_format.type' {answer_type} is not supported", 422) if answer_type else None


def knows_no_multiple_of(body: Body) -> ScriptedReply | None:
    words = "Invalid schema for response_format 'annotation': In context=('properties'), 'multipleOf' is not permitted."
    return refusal(words) if "multipleOf" in json.dumps(body.get("response_format")) else None


def _lacks(body: Body, keywords: tuple[str, ...]) -> ScriptedReply | None:
    """A grammar that gives up on a schema without saying at what."""
    words = "The provided JSON schema contains features not supported by xgrammar."
    form = json.dumps(body.get("response_format"))
    return refusal(words) if any(f'"{keyword}"' in form for keyword in keywords) else None


def has_xgrammar(body: Body) -> ScriptedReply | None:
    """As vLLM's: no multipleOf, and no maxLength beside a pattern."""
    return _lacks(body, ("multipleOf", "maxLength"))


def knows_no_bounds(body: Body) -> ScriptedReply | None:
    return _lacks(body, ("multipleOf", "maxLength", "pattern"))


def pictures_of(body: Body) -> list[str]:
    """The addresses of a request's pictures."""
    return [part["image_url"]["url"] for part in body["messages"][0]["content"] if part["type"] == "image_url"]


def takes_two_pictures(body: Body) -> ScriptedReply | None:
    words = "At most 2 image(s) may be provided in one prompt. (parameter=image)"
    return refusal(words, param="image") if len(pictures_of(body)) > 2 else None


def takes_few_pictures(body: Body) -> ScriptedReply | None:
    return refusal("too many images in the request") if len(pictures_of(body)) > 3 else None


def has_short_context(body: Body) -> ScriptedReply | None:
    tokens = body.get("max_tokens", 0)
    words = f"This model's maximum context length is 4096 tokens. However, you requested {tokens + 800} tokens"
    return refusal(f"{words} (800 in the messages, {tokens} in the completion).") if tokens + 800 > 4096 else None


def has_short_prompt(body: Body) -> ScriptedReply | None:
    words = (
        "This model's maximum context length is 4096 tokens. However, your prompt contains 9000 input tokens, which "
        "exceeds this limit even without any output tokens. Please reduce the length of the input prompt."
    )
    return refusal(words, param="input_tokens") if len(pictures_of(body)) > 8 else None


def takes_small_bodies(body: Body) -> ScriptedReply | None:
    is_large = any(len(picture) > 60_000 for picture in pictures_of(body))
    return ScriptedReply(413, body="<html><h1>413 Request Entity Too Large</h1></html>") if is_large else None


def is_hosted_and_strict(body: Body) -> ScriptedReply | None:
    """Several of them at once, one after the other."""
    faces = (wants_completion_tokens, takes_no_temperature, knows_no_multiple_of, takes_two_pictures)
    return next((reply for face in faces if (reply := face(body)) is not None), None)


def _message(**message: Any) -> str:  # noqa: ANN401  (any JSON)
    completed = json.loads(completion(""))
    completed["choices"][0]["message"] = {"role": "assistant", "content": None, **message}
    return json.dumps(completed)


def _called(arguments: Any) -> list[dict[str, Any]]:  # noqa: ANN401  (a text, or what it would hold)
    return [{"id": "a", "type": "function", "function": {"name": "annotation", "arguments": arguments}}]


def in_events(answer: str) -> str:
    """As a stream that nobody asked for."""
    pieces = [answer[start : start + 20] for start in range(0, len(answer), 20)]
    chunks: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    chunks.append({"choices": [], "usage": {"prompt_tokens": TOKENS_IN, "completion_tokens": TOKENS_OUT}})
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


DRESSES: Final[dict[str, Dresses]] = {
    "plain": completion,
    "fence": lambda answer: completion(f"```json\n{answer}\n```"),
    "prose": lambda answer: completion(f"Here is the JSON:\n{answer}\nDoes it help?"),
    "thoughts": lambda answer: completion(f"<think>\nlet me see {{ }}\n</think>\n\n{answer}"),
    "no thoughts": lambda answer: completion(f"<think>\n\n</think>\n\n{answer}"),
    "reasoning_content": lambda answer: _message(reasoning_content=answer),
    "reasoning": lambda answer: _message(content="", reasoning=answer),
    "thoughts beside it": lambda answer: _message(content=answer, reasoning_content="What do the hands do? {}"),
    "parts": lambda answer: _message(content=[{"type": "text", "text": answer}]),
    "parts in pieces": lambda answer: _message(content=[{"type": "text", "text": answer[:9]}, {"text": answer[9:]}]),
    "tool call": lambda answer: _message(tool_calls=_called(answer)),
    "tool call with an object": lambda answer: _message(tool_calls=_called(json.loads(answer))),
    "function call": lambda answer: _message(function_call={"name": "annotation", "arguments": answer}),
    "prose and tool call": lambda answer: _message(content="I call the tool.", tool_calls=_called(answer)),
    "trailing comma": lambda answer: completion(answer.replace('"rigid":true}', '"rigid":true,}')),
    "byte order mark": lambda answer: "\ufeff" + completion(answer),
    "empty lines": lambda answer: "\n\n\n" + completion(answer),
    "events": in_events,
    "cut off after it": lambda answer: completion(answer + " \n" * 2000, "length"),
}
"""How servers wrap a good answer."""


def with_usage(answer: str, usage: object) -> str:
    """A completion with another ``usage``."""
    return json.dumps({**json.loads(completion(answer)), "usage": usage})
