"""The request to an OpenAI-compatible server for one segment, and what counts as an answer.

Requests and replies are those of chat completions, https://platform.openai.com/docs/api-reference/chat, as vLLM,
SGLang and llama.cpp serve them too. Boxes are requested in thousandths of the picture, since the size to which a
server shrinks it is not known.
"""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias

import cv2
from pydantic import BaseModel, Field, ValidationError

from models.annotators.annotator import AnnotationRequest, RequestFrame
from models.annotators.frame_selection import spread_choice
from models.annotators.prompt import Prompt
from models.annotators.qwen.frames import decoded, shown_size
from models.annotators.response.parse import RAW_CHARS_MAX
from models.annotators.response.schema import BoxSpace, answer_schema, longest_json_bytes

BOX_SPACE: Final[BoxSpace] = (1000, 1000)
TEMPERATURE: Final = 0.0
"""Always the most likely token: a description must not depend on chance."""
SIDE_PX: Final = 28
"""Side of the square that becomes one token of Qwen2.5-VL: pictures of whole squares are not scaled again."""
_JPEG_QUALITY: Final = 92


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


def shown(request: AnnotationRequest, *, frames_max: int, pixels_max: int) -> list[RequestFrame]:
    """The frames of a segment that are sent: evenly chosen, and shrunk if they have more than ``pixels_max``.

    Raises:
        ValueError: a frame that has to be shrunk is not a picture, or not of the request's size.
    """
    indices = spread_choice(len(request.frames), frames_max)
    if request.width_px * request.height_px <= pixels_max:
        return [request.frames[index] for index in indices]
    size = shown_size(request.width_px, request.height_px, side_px=SIDE_PX, pixels_max=pixels_max)
    return [RequestFrame(request.frames[index].t_s, _shrunk(decoded(request, index), size)) for index in indices]


def question(request: AnnotationRequest, frames: list[RequestFrame], prompt: Prompt) -> dict[str, Any]:
    """The arguments of a chat completion: each frame after its time, then the words; the answer bound to its schema."""
    schema = answer_schema(request, BOX_SPACE)
    words = {"type": "text", "text": prompt.text(request, BOX_SPACE)}
    content = [*(part for frame in frames for part in _parts(frame)), words]
    form = {"name": "annotation", "strict": True, "schema": schema}
    return {
        "messages": [{"role": "user", "content": content}],
        "response_format": {"type": "json_schema", "json_schema": form},
        "max_tokens": longest_json_bytes(schema) + 1,  # a token is at least one byte; one more ends the text
        "temperature": TEMPERATURE,
    }


def read_reply(body: str) -> Reply:
    """The words in the body of a chat completion.

    Raises:
        NoAnswerError: it is not one, or its answer is missing, cut off or withheld.
    """
    try:
        completion = _Completion.model_validate_json(body)
    except ValidationError as error:
        raise NoAnswerError(f"the server's reply is not a chat completion: {_beginning(body)}", Reply(body)) from error
    usage = completion.usage or _Usage()
    if not completion.choices:
        raise NoAnswerError("the server's reply has no choice in it", Reply(body, *usage.tokens))
    choice = completion.choices[0]
    reply = Reply(choice.message.content or "", *usage.tokens)
    if (why := _why_no_answer(choice, reply)) is not None:
        raise NoAnswerError(why, reply)
    return reply


_Count: TypeAlias = Annotated[int, Field(ge=0)]


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: _Count = 0
    completion_tokens: _Count = 0

    @property
    def tokens(self) -> tuple[int, int]:
        return self.prompt_tokens, self.completion_tokens


class _Completion(BaseModel):
    choices: list[_Choice]
    usage: _Usage | None = None


def _why_no_answer(choice: _Choice, reply: Reply) -> str | None:
    if choice.finish_reason == "length":
        return f"the answer was cut off after {reply.tokens_out} tokens: the server's limit is too low"
    if not reply.words:
        return f"the answer is empty, its finish_reason {_beginning(str(choice.finish_reason))}"
    if len(reply.words) > RAW_CHARS_MAX:
        return f"the answer has {len(reply.words)} characters, expected at most {RAW_CHARS_MAX}"
    return None


def _parts(frame: RequestFrame) -> Iterator[dict[str, Any]]:
    yield {"type": "text", "text": f"{frame.t_s:.1f} s"}
    yield {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{b64encode(frame.jpeg).decode()}"}}


def _shrunk(picture: cv2.typing.MatLike, size: tuple[int, int]) -> bytes:
    """A picture, (height, width, 3) RGB, as a JPEG of another size."""
    scaled = cv2.cvtColor(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", scaled, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return jpeg.tobytes()


def _beginning(text: str) -> str:
    """The beginning of a server's reply, safe to print."""
    return ascii(" ".join(text.split())[:80])
