"""``openai``: an annotator behind any OpenAI-compatible server: vLLM, SGLang, llama.cpp, or a hosted one.

All segments of a batch are requested concurrently. While the server is unreachable, the annotator waits for it; if it
stays unreachable or refuses access, the annotator is unavailable. Any other error fails only its own segment.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urlsplit

from models.annotators.annotator import AnnotationAnswer, AnnotationFailure, AnnotationRequest, AnnotatorFacts
from models.annotators.openai.chat import (
    BOX_SPACE,
    SIDE_PX,
    TEMPERATURE,
    NoAnswerError,
    Reply,
    question,
    read_reply,
    shown,
)
from models.annotators.openai.errors import TooLongError, is_away, why_failed, why_unavailable
from models.annotators.openai.retry_policy import Outage, RetryPolicy
from models.annotators.openai.spec import SPEC
from models.annotators.prompt import Prompt
from models.annotators.response.schema import schema_sha256
from models.annotators.spec import CONNECT_TIMEOUT_S, FRAMES_MAX, REQUEST_TIMEOUT_S
from models.errors import ModelUnavailableError
from models.packages import require_packages
from models.weights.token import openai_key

if TYPE_CHECKING:
    from ssl import SSLContext

    from openai import AsyncOpenAI

BATCH_MAX: Final = 8
PIXELS_MAX: Final = 256 * SIDE_PX**2
"""256 tokens a frame of Qwen2.5-VL, 200,704 pixels: as the annotator qwen shows them."""
_CONNECTS_WITHIN_S: Final = 10.0

_Outcome: TypeAlias = AnnotationAnswer | AnnotationFailure | ModelUnavailableError


@dataclass(frozen=True, slots=True)
class OpenAISettings:
    """The server, and how requests are made."""

    url: str
    """The base URL, such as ``http://host:8000/v1``."""
    model: str
    """The server's name for it."""
    task: str | None = None
    """The user's description of the work."""
    batch_max: int = BATCH_MAX
    """Most segments that are requested concurrently."""
    frames_max: int = FRAMES_MAX
    """Most frames of a segment that are sent."""
    pixels_max: int = PIXELS_MAX
    """Most pixels of a frame that is sent."""
    wait_s: float = CONNECT_TIMEOUT_S
    """Maximum time that the server may be unreachable."""
    timeout_s: float = REQUEST_TIMEOUT_S
    """Maximum time for one answer."""


@dataclass(frozen=True, slots=True)
class _ChatRequest:
    """A request in the form that is sent to the server."""

    request: AnnotationRequest
    frames: int
    chat: dict[str, Any]

    def answer(self, reply: Reply, seconds: float) -> AnnotationAnswer:
        of, frames = self.request, self.frames
        tokens = reply.tokens_in, reply.tokens_out
        return AnnotationAnswer(of.segment_id, of.frames_digest, reply.words, frames, *tokens, seconds, BOX_SPACE)

    def failure(self, reason: str, reply: Reply | None = None, seconds: float = 0.0) -> AnnotationFailure:
        of, reply = self.request, reply or Reply("")
        took = reply.tokens_in, reply.tokens_out, seconds
        return AnnotationFailure(of.segment_id, of.frames_digest, reason, reply.words, *took)


class OpenAIAnnotator:
    """A model behind a server's address."""

    def __init__(self, settings: OpenAISettings) -> None:
        """Check the options; nothing is sent yet.

        Raises:
            ValueError: the address is invalid or holds a password, or the task is more than plain words.
            ModelUnavailableError: the package is missing, or the key cannot be one.
        """
        require_packages(SPEC.packages, extra=SPEC.extra)
        check_url(settings.url)
        self._settings: Final = settings
        self._prompt: Final = Prompt(settings.task)
        self._key: Final = openai_key()
        self._outage: Final = Outage(settings.url, settings.wait_s)
        self.batch_max: Final = settings.batch_max

    def facts(self) -> AnnotatorFacts:
        import openai

        return {
            "model": self._settings.model,
            "runtime": f"openai {openai.__version__} at {self._settings.url}",
            "prompt": self._prompt.name,
            "prompt_sha256": self._prompt.sha256,
            "schema_sha256": schema_sha256(),
            "frames_max": self._settings.frames_max,
            "pixels_max": self._settings.pixels_max,
            "temperature": TEMPERATURE,
        }

    def annotate(self, requests: Sequence[AnnotationRequest]) -> Iterator[AnnotationAnswer | AnnotationFailure]:
        questions: list[_ChatRequest] = []
        for request in requests:
            try:
                questions.append(self._question(request))
            except ValueError as error:
                yield AnnotationFailure(request.segment_id, request.frames_digest, str(error))
        yield from self._outcomes(questions)

    def _question(self, request: AnnotationRequest) -> _ChatRequest:
        settings = self._settings
        frames = shown(request, frames_max=settings.frames_max, pixels_max=settings.pixels_max)
        return _ChatRequest(request, len(frames), question(request, frames, self._prompt))

    def _outcomes(self, questions: list[_ChatRequest]) -> Iterator[AnnotationAnswer | AnnotationFailure]:
        """Make all requests concurrently; each outcome is returned as soon as it is known."""
        with asyncio.Runner() as runner:
            client = self._client()
            loop = runner.get_loop()
            tasks = {loop.create_task(self._outcome(client, question, len(questions))) for question in questions}
            try:
                while tasks:
                    done, tasks = runner.run(_first_of(tasks))
                    yield from _known(task.result() for task in done)
            finally:
                runner.run(_leave(client, tasks))

    def _client(self) -> "AsyncOpenAI":
        import httpx2
        from openai import AsyncOpenAI

        from models.annotators.openai.limited_client import LimitedClient

        # One answer's limit is the whole request's, not that of each silence; what is tried again is decided here.
        limits = httpx2.Timeout(None, connect=_CONNECTS_WITHIN_S)
        return AsyncOpenAI(
            base_url=self._settings.url,
            api_key=self._key or "none",
            timeout=limits,
            max_retries=0,
            http_client=LimitedClient(timeout=limits, verify=_tls()),
        )

    async def _outcome(self, client: "AsyncOpenAI", question: _ChatRequest, sharers: int) -> _Outcome:
        """The outcome of one segment. Nothing is raised, so that the outcomes of the others are not lost."""
        from openai import OpenAIError

        try:
            body, took_s = await self._body(client, question.chat)
        except (OpenAIError, TimeoutError, TooLongError) as error:
            if (unavailable := self._why_unavailable(error)) is not None:
                return ModelUnavailableError(f"the server at {self._settings.url} {unavailable}")
            lost_s = self._settings.timeout_s if isinstance(error, TimeoutError) else 0.0
            return question.failure(why_failed(error), seconds=lost_s / sharers)
        try:
            return question.answer(read_reply(body), took_s / sharers)
        except NoAnswerError as error:
            return question.failure(str(error), error.reply, took_s / sharers)

    async def _body(self, client: "AsyncOpenAI", chat: dict[str, Any]) -> tuple[str, float]:
        """The reply to a chat, retried as long as the policy allows, and the seconds that the last try took."""
        import stamina
        from openai import Omit
        from stamina.instrumentation import set_on_retry_hooks

        set_on_retry_hooks(())  # its own log line, "stamina.retry_scheduled", is of no use to the user
        headers = {} if self._key else {"Authorization": Omit()}
        create = client.chat.completions.with_raw_response.create
        async for attempt in stamina.retry_context(RetryPolicy(self._outage), attempts=None, timeout=None):
            with attempt:
                began_s = time.monotonic()
                async with asyncio.timeout(self._settings.timeout_s):
                    reply = await create(model=self._settings.model, extra_headers=headers, **chat)
        self._outage.end()
        return reply.text, time.monotonic() - began_s

    def _why_unavailable(self, error: Exception) -> str | None:
        if is_away(error):
            return f"has been unreachable for {self._settings.wait_s:.0f} s: start it, or name another address"
        return why_unavailable(error, has_key=self._key is not None)


@cache
def _tls() -> "SSLContext":
    """Made once for all batches: reading the certificates takes longer than many requests, and half a MiB."""
    import httpx2

    return httpx2.create_ssl_context()


def check_url(url: str) -> None:
    """Check that an address is one, and holds no secret.

    Raises:
        ValueError: it is not one, or it holds a secret.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"the address {url!r} is not that of a server: expected one like http://localhost:8000/v1")
    if parts.username or parts.password or parts.query:
        raise ValueError(f"the address of {parts.hostname} holds more than an address: a key belongs in OPENAI_API_KEY")


async def _first_of(tasks: set["asyncio.Task[_Outcome]"]) -> tuple[set["asyncio.Task[_Outcome]"], ...]:
    """Those that are done, at least one, and those that are not."""
    return await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


async def _leave(client: "AsyncOpenAI", tasks: set["asyncio.Task[_Outcome]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await client.close()


def _known(outcomes: Iterable[_Outcome]) -> Iterator[AnnotationAnswer | AnnotationFailure]:
    """The outcomes; if the server is unavailable, that is raised after the others."""
    for outcome in sorted(outcomes, key=lambda outcome: isinstance(outcome, ModelUnavailableError)):
        if isinstance(outcome, ModelUnavailableError):
            raise outcome
        yield outcome
