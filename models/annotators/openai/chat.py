"""The request to an OpenAI-compatible server for one segment.

Requests are those of chat completions, https://platform.openai.com/docs/api-reference/chat, as vLLM, SGLang and
llama.cpp serve them too.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from models.annotators.annotator import AnnotationRequest, RequestFrame
from models.annotators.openai.dialect import Dialect
from models.annotators.openai.pictures import SentPictures
from models.annotators.prompt import PRECEDING_BEGINS, SEGMENT_BEGINS, Prompt, preceding_label
from models.annotators.response.schema import BoxSpace, answer_schema, longest_json_bytes


def question(
    request: AnnotationRequest, pictures: SentPictures, prompt: Prompt, space: BoxSpace, dialect: Dialect
) -> dict[str, Any]:
    """The arguments of a chat completion: each frame after its time, then the words; the answer bound to its schema.

    Preceding frames, if there are any, stand before the others.
    """
    schema = answer_schema(request, space, prompt.name)
    words = {"type": "text", "text": prompt.text(request, space)}
    content = [*_preceding(pictures.preceding), *_parts(pictures.frames, lambda frame: f"{frame.t_s:.1f} s"), words]
    tokens = longest_json_bytes(schema) + 1  # a token is at least one byte; one more ends the text
    return {"messages": [{"role": "user", "content": content}], **dialect.parameters(schema, tokens)}


def _preceding(frames: Sequence[RequestFrame]) -> Iterator[dict[str, Any]]:
    if frames:
        yield {"type": "text", "text": PRECEDING_BEGINS}
        yield from _parts(frames, preceding_label)
        yield {"type": "text", "text": SEGMENT_BEGINS}


def _parts(frames: Sequence[RequestFrame], label: Callable[[RequestFrame], str]) -> Iterator[dict[str, Any]]:
    for frame in frames:
        yield {"type": "text", "text": label(frame)}
        yield {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{b64encode(frame.jpeg).decode()}"}}
