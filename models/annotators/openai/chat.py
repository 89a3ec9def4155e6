"""The request to an OpenAI-compatible server for one segment.

Requests are those of chat completions, https://platform.openai.com/docs/api-reference/chat, as vLLM, SGLang and
llama.cpp serve them too.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Any

from models.annotators.annotator import AnnotationRequest, RequestFrame
from models.annotators.openai.dialect import Dialect
from models.annotators.prompt import Prompt
from models.annotators.response.schema import BoxSpace, answer_schema, longest_json_bytes


def question(
    request: AnnotationRequest, frames: Sequence[RequestFrame], prompt: Prompt, space: BoxSpace, dialect: Dialect
) -> dict[str, Any]:
    """The arguments of a chat completion: each frame after its time, then the words; the answer bound to its schema."""
    schema = answer_schema(request, space, prompt.name)
    words = {"type": "text", "text": prompt.text(request, space)}
    content = [*(part for frame in frames for part in _parts(frame)), words]
    tokens = longest_json_bytes(schema) + 1  # a token is at least one byte; one more ends the text
    return {"messages": [{"role": "user", "content": content}], **dialect.parameters(schema, tokens)}


def _parts(frame: RequestFrame) -> Iterator[dict[str, Any]]:
    yield {"type": "text", "text": f"{frame.t_s:.1f} s"}
    yield {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{b64encode(frame.jpeg).decode()}"}}
