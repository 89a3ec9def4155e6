"""Requests to HTTP servers, and a response's body as a stream."""

import base64
import http.client
import urllib.error
import urllib.parse
import urllib.request
from http import HTTPStatus

from stream.errors import SourceError, UnreachableError
from stream.sources.address import Address
from stream.sources.live.byte_streams import ForwardOnlyFile
from stream.sources.network import require_network

_PATIENCE = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
"""Refusals that a later attempt may not meet, in addition to all 5xx."""
_PLAYLISTS = frozenset({
    "application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl", "audio/x-mpegurl",
    "application/dash+xml",
})  # fmt: skip
"""Media types of HLS (RFC 8216, 10) and MPEG-DASH (ISO/IEC 23009-1, annex C)."""


class HttpStream(ForwardOnlyFile):
    """The body of one response. If it is cut off, or its end looks the same as a cut, reading raises ``OSError``, once.

    While the container is not recognised, an end that may be a cut is an end: a short stream is read whole for that.
    """

    def __init__(self, address: Address, timeout_s: float) -> None:
        """Send the request.

        Raises:
            SourceError: the server refuses; ``UnreachableError`` if a later attempt may succeed.
        """
        super().__init__()
        self._answer = send_get(address, timeout_s)
        self._has_failed = False

    def _receive(self, room: memoryview) -> int:
        if self._has_failed:  # libav reads again after an error, and PyAV prints the error of each further read
            return 0
        try:
            data = self._answer.read1(len(room))
        except (http.client.HTTPException, OSError) as error:
            self._has_failed = True
            if isinstance(error, OSError):
                raise
            raise ConnectionResetError(0, "the server broke off its response") from error
        if not data and self._is_cut():
            self._has_failed = True
            raise ConnectionResetError(0, "the server closed the connection")
        room[: len(data)] = data
        return len(data)

    def _is_cut(self) -> bool:
        if self._answer.length is None:
            return self.is_recognised and not self._answer.chunked
        return self._answer.length > 0

    def close(self) -> None:
        self._answer.close()
        super().close()


def send_get(address: Address, timeout_s: float, **headers: str) -> http.client.HTTPResponse:
    """Send a GET request; the caller closes the response.

    Args:
        address: User and password in it are sent as Basic authorization, but not to a server that it redirects to.
        timeout_s: For connecting, and for each read of the response.
        headers: Additional headers, with ``_`` for ``-``.

    Raises:
        SourceError: the server refuses; ``UnreachableError`` if a later attempt may succeed.
        UsageError: the network is forbidden.
    """
    require_network(address.name)
    request = _request(address, headers)
    try:
        answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=timeout_s)  # noqa: S310 - http alone
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(address, error.code, error.reason) from None  # its own text holds the address
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        words = getattr(reason, "strerror", None) or type(reason).__name__
        raise UnreachableError(f"{address.name} cannot be reached: {words}") from None
    return answer


def is_playlist(answer: http.client.HTTPResponse) -> bool:
    """Whether a server serves a list of addresses (RFC 8216, 4) instead of video."""
    kind = answer.headers.get_content_type().lower()
    return kind in _PLAYLISTS or urllib.parse.urlsplit(answer.url).path.lower().endswith((".m3u8", ".m3u", ".mpd"))


def _request(address: Address, headers: dict[str, str]) -> urllib.request.Request:
    scheme, _, rest = address.spec.partition("://")
    user, at, place = rest.rpartition("@")
    request = urllib.request.Request(f"{scheme}://{place}", headers={"User-Agent": "egoclean-stream"})  # noqa: S310
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    if at:
        token = base64.b64encode(urllib.parse.unquote_to_bytes(user)).decode()
        request.add_unredirected_header("Authorization", f"Basic {token}")
    return request


def _refusal(address: Address, status: int, reason: str) -> SourceError:
    words = f"the server answered {status} {reason}".rstrip()
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _PATIENCE:
        return UnreachableError(f"{address.name} cannot be reached: {words}")
    cure = ""
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        cure = ": give user and password as http://USER:PASSWORD@HOST/PATH"
    return SourceError(f"{address.name} cannot be read: {words}{cure}")
