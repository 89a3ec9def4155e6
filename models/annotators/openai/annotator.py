"""``openai``: an annotator behind any OpenAI-compatible server: vLLM, SGLang, llama.cpp, or a hosted one.

All segments of a batch are requested concurrently. If the server refuses something in a request, all further ones are
made without it (``dialect``). While the server is unreachable or busy, the annotator waits for it; if it stays so, or
can answer no request at all, the annotator is unavailable. Any other error fails only its own segment.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from models.annotators.annotator import (
    AnnotationAnswer,
    AnnotationFailure,
    AnnotationRequest,
    AnnotatorFacts,
    AnswerForm,
)
from models.annotators.box_space import BoxUnit, box_space, family_of
from models.annotators.openai.chat import question
from models.annotators.openai.connection import make_client, reply_to
from models.annotators.openai.dialect import Dialect, adapted
from models.annotators.openai.environment import check_environment, check_url, proxy_of
from models.annotators.openai.errors import (
    ElsewhereError,
    TooLongError,
    is_away,
    is_busy,
    is_unknown_host,
    may_pass,
    retry_after,
    why_failed,
    why_unavailable,
)
from models.annotators.openai.exchange import ChatRequest, failure
from models.annotators.openai.known_dialects import KnownDialects
from models.annotators.openai.negotiation import Negotiation
from models.annotators.openai.pictures import sent_pictures
from models.annotators.openai.refusal import Refusal, RefusedError
from models.annotators.openai.reply import NoAnswerError, NoCompletionError, read_reply
from models.annotators.openai.retry_policy import Outage, RetryPolicy
from models.annotators.openai.spec import SPEC
from models.annotators.prompt import Prompt
from models.annotators.qwen.frames import with_valid_preceding
from models.annotators.response.schema import FORM, schema_sha256
from models.annotators.spec import FRAMES_MAX, REQUEST_TIMEOUT_S, SERVER_WAIT_S
from models.errors import ModelUnavailableError
from models.packages import require_packages
from models.weights.token import openai_key

if TYPE_CHECKING:
    from openai import AsyncOpenAI

BATCH_MAX: Final = 8
PIXELS_MAX: Final = 256 * 28**2
"""256 tokens a frame of Qwen2.5-VL, 200,704 pixels: as the annotator qwen shows them."""

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
    prompt: AnswerForm = FORM
    """The wording of the prompt, and the form of the answer."""
    batch_max: int = BATCH_MAX
    """Most segments that are requested concurrently."""
    frames_max: int = FRAMES_MAX
    """Most frames of a segment that are sent."""
    pixels_max: int = PIXELS_MAX
    """Most pixels of a frame that is sent."""
    box_unit: BoxUnit | None = None
    """Unit of the boxes; None for what the model's name says."""
    wait_s: float = SERVER_WAIT_S
    """Maximum time that the server may be unreachable or busy."""
    timeout_s: float = REQUEST_TIMEOUT_S
    """Maximum time for one answer."""
    offline: bool = False
    """Whether redirects to other machines are refused."""
    known_dialects: Path | None = None
    """A file that other processes share, with what servers have refused."""


class OpenAIAnnotator:
    """A model behind a server's address."""

    def __init__(self, settings: OpenAISettings) -> None:
        """Check the options and the environment; nothing is sent yet.

        Raises:
            ValueError: the address is invalid or holds a password, the task is more than plain words, or a proxy or
                certificates of the environment cannot be used.
            ModelUnavailableError: the package is missing, or the key cannot be one.
        """
        require_packages(SPEC.packages, extra=SPEC.extra)
        check_url(settings.url)
        check_environment(settings.url)
        self._settings: Final = settings
        self._prompt: Final = Prompt(settings.task, settings.prompt)
        self._family: Final = family_of(settings.model)
        self._box_unit: Final = settings.box_unit or self._family.box_unit
        self._key: Final = openai_key()
        proxy = proxy_of(settings.url)
        self._place: Final = f"{settings.url} (through the proxy that {proxy.name} names)" if proxy else settings.url
        self._outage: Final = Outage(self._place, settings.wait_s)
        self._server: Final = Negotiation(
            settings.url,
            settings.model,
            Dialect(settings.frames_max, settings.pixels_max),
            KnownDialects(settings.known_dialects),
        )
        self.batch_max: Final = settings.batch_max

    def facts(self) -> AnnotatorFacts:
        import openai

        dialect = self._server.dialect
        facts: AnnotatorFacts = {
            "model": self._settings.model,
            "runtime": f"openai {openai.__version__} at {self._settings.url}",
            "prompt": self._prompt.name,
            "prompt_sha256": self._prompt.sha256,
            "schema_sha256": schema_sha256(self._prompt.name),
            "frames_max": dialect.frames_max,
            "pixels_max": dialect.pixels_max,
            "box_space": self._box_unit,
        }
        if dialect.temperature is not None:
            facts["temperature"] = dialect.temperature
        if self._server.changes:
            facts["adaptations"] = "; ".join(self._server.changes)
        return facts

    def annotate(self, requests: Sequence[AnnotationRequest]) -> Iterator[AnnotationAnswer | AnnotationFailure]:
        """Make all requests concurrently; each outcome is returned as soon as it is known."""
        if self._server.ended is not None:
            raise self._unavailable(self._server.ended)
        self._server.begin_batch()
        with asyncio.Runner() as runner:
            client = make_client(self._settings.url, self._key, offline=self._settings.offline)
            loop = runner.get_loop()
            tasks = {loop.create_task(self._outcome(client, request, len(requests))) for request in requests}
            try:
                while tasks:
                    done, tasks = runner.run(_first_of(tasks))
                    yield from _known(task.result() for task in done)
            finally:
                runner.run(_leave(client, tasks))

    def _question(self, request: AnnotationRequest, dialect: Dialect) -> ChatRequest:
        """The request in a dialect.

        Raises:
            ValueError: a frame is not a picture, or not of the request's size.
        """
        request = with_valid_preceding(request) if dialect.shows_preceding else replace(request, preceding=())
        most = {"frames_max": dialect.frames_max, "pixels_max": dialect.pixels_max}
        pictures = sent_pictures(request, self._family, **most)
        space = box_space(self._box_unit, pictures.width_px, pictures.height_px)
        chat = question(request, pictures, self._prompt, space, dialect)
        return ChatRequest(request, pictures, space, self._prompt.name, chat)

    async def _outcome(self, client: "AsyncOpenAI", request: AnnotationRequest, sharers: int) -> _Outcome:
        """The outcome of one segment. Nothing is raised, so that the outcomes of the others are not lost."""
        from openai import OpenAIError

        while True:
            dialect = self._server.dialect
            try:
                chat = self._question(request, dialect)
                body, took_s = await self._body(client, chat.chat)
            except RefusedError as error:
                pictures, has_preceding = len(chat.pictures.frames), bool(chat.pictures.preceding)
                if not self._server.adapt(dialect, pictures, error.refusal, has_preceding=has_preceding):
                    return self._failed(request, error, sharers)
            except ValueError as error:  # of the frames
                return failure(request, str(error))
            except (OpenAIError, TimeoutError, TooLongError, ElsewhereError) as error:
                return self._failed(request, error, sharers)
            else:
                return self._read(chat, body, took_s / sharers)

    def _read(self, chat: ChatRequest, body: str, seconds: float) -> _Outcome:
        try:
            reply = read_reply(body, chat.is_answer)
        except NoAnswerError as error:
            if isinstance(error, NoCompletionError):
                self._server.note_refusal(chat.request.segment_id, Refusal(200, error.reply.words))
            return failure(chat.request, str(error), error.reply, seconds)
        self._server.note_answer()
        return chat.answer(reply, seconds)

    def _failed(self, request: AnnotationRequest, error: Exception, sharers: int) -> _Outcome:
        """The outcome of a request that got no reply: that of its segment, or that of all."""
        if (unavailable := self._why_unavailable(request, error)) is not None:
            return self._unavailable(unavailable)
        lost_s = self._settings.timeout_s if isinstance(error, TimeoutError) else 0.0
        return failure(request, why_failed(error), seconds=lost_s / sharers)

    async def _body(self, client: "AsyncOpenAI", chat: dict[str, Any]) -> tuple[str, float]:
        """The reply to a chat, retried as long as the policy allows, and the seconds that the last try took."""
        import stamina
        from stamina.instrumentation import set_on_retry_hooks

        set_on_retry_hooks(())  # its own log line, "stamina.retry_scheduled", is of no use to the user
        policy = RetryPolicy(self._outage, gives_up=self._is_adaptable_or_hopeless)
        async for attempt in stamina.retry_context(policy, attempts=None, timeout=None):
            with attempt:
                began_s = time.monotonic()
                body = await reply_to(client, self._settings.model, chat, timeout_s=self._settings.timeout_s)
        self._outage.end()
        return body, time.monotonic() - began_s

    def _is_adaptable_or_hopeless(self, error: Exception) -> bool:
        """Whether it is pointless to repeat a request as it is."""
        refusal = error.refusal if isinstance(error, RefusedError) else None
        is_adaptable = refusal is not None and adapted(self._server.dialect, refusal) is not None
        return is_adaptable or self._hopeless(error) is not None

    def _hopeless(self, error: Exception) -> str | None:
        """A clause on why no request can be answered, however long one waits; None if one may be."""
        if is_unknown_host(error) and not self._server.has_answered:
            return "has a name that no host has: check --annotator-url"
        return why_unavailable(error, has_key=self._key is not None, proxy=proxy_of(self._settings.url))

    def _why_unavailable(self, request: AnnotationRequest, error: Exception) -> str | None:
        """A clause on why no request can be answered now; None if the error is the segment's own."""
        if (hopeless := self._hopeless(error)) is not None:
            self._server.note_hopeless(hopeless)
            return hopeless
        if isinstance(error, RefusedError) and not (is_away(error) or is_busy(error) or may_pass(error)):
            self._server.note_refusal(request.segment_id, error.refusal)
        if self._server.ended is not None:
            return self._server.ended
        wait_s, asked_s = self._settings.wait_s, retry_after(error)
        if (is_away(error) or is_busy(error)) and asked_s is not None and asked_s > wait_s:
            return f"asks to wait for {asked_s:.0f} s, which is longer than --annotator-wait-s ({wait_s:.0f})"
        if is_busy(error):
            return (
                f"has had too many requests for {wait_s:.0f} s: set a smaller --annotator-batch, or --annotator-wait-s"
            )
        if is_away(error):
            return f"has been unreachable for {wait_s:.0f} s: start it, or name another address"
        return None

    def _unavailable(self, clause: str) -> ModelUnavailableError:
        return ModelUnavailableError(f"the server at {self._place} {clause}")


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
