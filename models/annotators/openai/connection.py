"""The HTTP client of a server, and one request made with it."""

import asyncio
import logging
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from models.annotators.openai.environment import proxy_of, unused_proxy
from models.annotators.openai.refusal import RefusedError, refusal_in

if TYPE_CHECKING:
    from ssl import SSLContext

    from openai import AsyncOpenAI

_CONNECTS_WITHIN_S: Final = 10.0
_NO_KEY: Final = "none"
"""What the client wants to hold; it is not sent."""
_log = logging.getLogger(__name__)


def make_client(url: str, key: str | None, *, offline: bool = False) -> "AsyncOpenAI":
    """A client of the server at ``url``. One on this machine is never behind a proxy, whatever the environment says.

    With ``offline`` it follows no redirect to another machine.
    """
    import httpx2
    from openai import AsyncOpenAI

    from models.annotators.openai.limited_client import LimitedClient, require_this_machine

    _announce_unused_proxy(url)
    # One answer's limit is the whole request's, not that of each silence; what is tried again is decided elsewhere.
    limits = httpx2.Timeout(None, connect=_CONNECTS_WITHIN_S)
    proxy = proxy_of(url)  # the one that messages name, whatever the client would make of the environment
    tls = _tls(url.startswith("https:"))
    hooks = {"request": [require_this_machine]} if offline else {}
    proxy_url = proxy.url if proxy else None
    http = LimitedClient(timeout=limits, verify=tls, proxy=proxy_url, trust_env=False, event_hooks=hooks)
    return AsyncOpenAI(base_url=url, api_key=key or _NO_KEY, timeout=limits, max_retries=0, http_client=http)


async def reply_to(client: "AsyncOpenAI", model: str, chat: dict[str, Any], *, timeout_s: float) -> str:
    """The body of the reply to one request.

    Raises:
        RefusedError: it is an error, whatever its status.
        OpenAIError: there is none.
        TimeoutError: there is none in time.
        TooLongError: it is too long.
    """
    from openai import APIStatusError, Omit

    headers = {"Authorization": Omit()} if client.api_key == _NO_KEY else {}
    create = client.chat.completions.with_raw_response.create
    try:
        async with asyncio.timeout(timeout_s):
            created = await create(model=model, extra_headers=headers, **chat)
        response = created.http_response
    except APIStatusError as error:
        response = error.response
    body: str = response.text
    if (refusal := refusal_in(response.status_code, body, response.headers)) is not None:
        raise RefusedError(refusal)
    return body


@cache
def _announce_unused_proxy(url: str) -> None:
    if (variable := unused_proxy(url)) is not None:
        _log.warning("%s is on this machine: the proxy that %s names is not used for it", url, variable.name)


@cache
def _tls(uses_environment: bool) -> "SSLContext":  # noqa: FBT001  (the key of the cache)
    """Made once for all batches: reading the certificates takes longer than many requests, and half a MiB."""
    import httpx2

    return httpx2.create_ssl_context(trust_env=uses_environment)
