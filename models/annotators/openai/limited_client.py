"""A client that limits the size of replies: a server may send without end."""

from typing import Any, Final

import httpx2
from openai import DefaultAsyncHttpxClient

from models.annotators.openai.environment import is_this_machine
from models.annotators.openai.errors import ElsewhereError, TooLongError

BODY_BYTES_MAX: Final = 1 << 20
"""About 16 times the longest answer."""
_OF_THE_CODING: Final = (b"content-encoding", b"content-length", b"transfer-encoding", b"content-type")
"""Headers that no longer hold for the body that was read: JSON is UTF-8 (RFC 8259, 8.1), whatever charset they name."""


class LimitedClient(DefaultAsyncHttpxClient):
    """httpx's client; every reply that it returns has been read completely, regardless of its status."""

    async def send(self, request: httpx2.Request, **how: Any) -> httpx2.Response:  # noqa: ANN401  (httpx's own)
        """Send a request.

        Raises:
            TooLongError: the reply's body, unpacked, has more than ``BODY_BYTES_MAX``.
        """
        reply = await super().send(request, **{**how, "stream": True})
        try:
            body = await _body(reply)
        finally:
            await reply.aclose()
        headers = [(name, value) for name, value in reply.headers.raw if name.lower() not in _OF_THE_CODING]
        return httpx2.Response(reply.status_code, headers=headers, content=body, request=reply.request)


async def require_this_machine(request: httpx2.Request) -> None:
    """Check each request, also one that a redirect asks for, before anything is sent.

    Raises:
        ElsewhereError: it goes to another machine.
    """
    if not is_this_machine(str(request.url)):
        raise ElsewhereError(request.url.host)


async def _body(reply: httpx2.Response) -> bytes:
    body = bytearray()
    async for part in reply.aiter_bytes():
        body += part
        if len(body) > BODY_BYTES_MAX:
            raise TooLongError(f"the server's reply is longer than {BODY_BYTES_MAX} bytes: it is not an answer")
    return bytes(body)
