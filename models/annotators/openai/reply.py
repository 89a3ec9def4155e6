"""What a server's reply says: the text that holds an answer, wherever it stands, and the tokens that it cost.

The answer may be the content, a list of parts, the arguments of a tool call, or, where a server takes an answer for
thoughts, the reasoning. Replies are those of chat completions, https://platform.openai.com/docs/api-reference/chat;
``reasoning_content`` is DeepSeek's and SGLang's, ``reasoning`` that of vLLM and OpenRouter.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from models.annotators.response.form import json_integer
from models.annotators.response.parse import RAW_CHARS_MAX
from models.annotators.response.schema import compact_json

_TOKENS_MAX: Final = 1 << 40
"""A larger count is none."""
_TEXT_FIELDS: Final = ("content", "reasoning_content", "reasoning")
_QUOTED_CHARS_MAX: Final = 200
_EVENT: Final = "data:"
_EVENT_STREAM: Final = (_EVENT, "event:", "id:", "retry:", ":")
"""What a stream of server-sent events may begin with; a line that begins with a colon is a comment."""

IsAnswer: TypeAlias = Callable[[str], bool]
"""Whether a text holds an answer that meets the request's schema."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply of a server for one segment."""

    words: str
    tokens_in: int = 0
    tokens_out: int = 0


class NoAnswerError(Exception):
    """The server replied, but not with an answer: the reason in a clause, and the reply."""

    def __init__(self, reason: str, reply: Reply) -> None:
        super().__init__(reason)
        self.reply = reply


class NoCompletionError(NoAnswerError):
    """The reply is not even a chat completion: most likely, no server of this kind is there."""


def read_reply(body: str, is_answer: IsAnswer) -> Reply:
    """The words in the body of a chat completion: those that hold an answer, if any do, else all that there are.

    Raises:
        NoAnswerError: it is not one, or its answer is missing, cut off or withheld.
    """
    completion = _completion(body)
    if completion is None:
        raise NoCompletionError(f"the server's reply is not a chat completion: {_beginning(body, 80)}", Reply(body))
    tokens = _tokens(completion.get("usage"))
    choices = completion.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict) or not isinstance(choice.get("message"), dict):
        raise NoAnswerError("the server's reply has no choice in it", Reply(body, *tokens))
    message: dict[str, Any] = choice["message"]
    texts = _texts(message)
    words = next((text for text in texts if len(text) <= RAW_CHARS_MAX and is_answer(text)), None)
    if words is not None:
        return Reply(words, *tokens)
    whole = Reply(texts[0] if len(texts) == 1 else compact_json(message) if texts else "", *tokens)
    if (why := _why_no_answer(choice, message, whole)) is not None:
        raise NoAnswerError(why, whole)
    return whole


def _completion(body: str) -> dict[str, Any] | None:
    """The object of a chat completion, from one object or from the events of a stream."""
    body = body.lstrip("\ufeff \r\n")
    try:
        completion = _joined(_chunks(body)) if body.startswith(_EVENT_STREAM) else _decoded(body)
    except (ValueError, RecursionError):
        return None
    return completion if isinstance(completion, dict) and "choices" in completion else None


def _chunks(body: str) -> Iterator[dict[str, Any]]:
    """The objects that the events of a stream carry.

    Raises:
        ValueError: the data of an event is not JSON.
    """
    for line in re.split(r"[\r\n]+", body):
        data = line.removeprefix(_EVENT).strip()
        chunk = _decoded(data) if line.startswith(_EVENT) and data != "[DONE]" else None
        if isinstance(chunk, dict):
            yield chunk


def _decoded(text: str) -> Any:  # noqa: ANN401  (any JSON)
    return json.loads(text, parse_int=json_integer)


def _joined(chunks: Iterator[dict[str, Any]]) -> dict[str, Any] | None:
    """A completion from the chunks of a stream, which some servers send without being asked; None without one."""
    message: dict[str, Any] = {}
    arguments = ""
    usage, finish_reason, is_completion = None, None, False
    for chunk in chunks:
        usage = chunk.get("usage") or usage
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            continue
        is_completion = True
        finish_reason = choice.get("finish_reason") or finish_reason
        delta = choice.get("delta") or choice.get("message")
        if isinstance(delta, dict):
            message |= {name: message.get(name, "") + _text(delta.get(name)) for name in (*_TEXT_FIELDS, "refusal")}
            arguments += "".join(_arguments(delta))
    message["function_call"] = {"arguments": arguments}
    choice = {"message": message, "finish_reason": finish_reason}
    return {"choices": [choice], "usage": usage} if is_completion else None


def _texts(message: dict[str, Any]) -> list[str]:
    """All texts of a message in which an answer may stand, the most likely first."""
    values = [message.get("content"), *_arguments(message), *(message.get(name) for name in _TEXT_FIELDS[1:])]
    return [text for value in values if (text := _text(value)).strip()]


def _arguments(message: dict[str, Any]) -> list[str]:
    """The arguments of the functions that a message calls."""
    calls = message.get("tool_calls")
    functions = [call.get("function") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    return [
        _text(each.get("arguments")) for each in (*functions, message.get("function_call")) if isinstance(each, dict)
    ]


def _text(value: object) -> str:
    """A text, the texts of a list of parts, or the JSON of an object."""
    match value:
        case str():
            return value
        case list():
            parts = (part.get("text") if isinstance(part, dict) else part for part in value)
            return "".join(part for part in parts if isinstance(part, str))
        case dict():
            return compact_json(value)
    return ""


def _why_no_answer(choice: dict[str, Any], message: dict[str, Any], reply: Reply) -> str | None:
    refusal, finish_reason = message.get("refusal"), choice.get("finish_reason")
    if isinstance(refusal, str) and refusal.strip():
        return f"the model refuses: {_beginning(refusal, _QUOTED_CHARS_MAX)}"
    if finish_reason == "length":
        return f"the answer was cut off after {reply.tokens_out} tokens: the server's limit is too low"
    if not reply.words:
        return f"the answer is empty, its finish_reason {_beginning(str(finish_reason), 80)}"
    if len(reply.words) > RAW_CHARS_MAX:
        return f"the answer has {len(reply.words)} characters, expected at most {RAW_CHARS_MAX}"
    return None


def _tokens(usage: object) -> tuple[int, int]:
    """Tokens of prompt and answer; what is no count is 0, since a good answer must not be lost for it."""
    counts = usage if isinstance(usage, dict) else {}
    return _count(counts.get("prompt_tokens")), _count(counts.get("completion_tokens"))


def _count(value: object) -> int:
    try:
        count = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else 0.0
    except (ValueError, OverflowError):
        return 0
    return int(count) if 0 <= count <= _TOKENS_MAX else 0


def _beginning(text: str, chars: int) -> str:
    """The beginning of a server's reply, safe to print."""
    return ascii(" ".join(text.split())[:chars])
