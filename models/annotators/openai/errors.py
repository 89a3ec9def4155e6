"""Classifies failed requests to an OpenAI-compatible server: wait, retry, give up the segment, or give up all."""

import re
import socket
import ssl
from typing import Final, TypeVar

from models.annotators.openai.environment import ProxyVariable
from models.annotators.openai.refusal import Refusal, RefusedError

_AWAY: Final = frozenset({502, 503})
"""The server is not available: it loads its model, or a proxy has no server behind it."""
_BUSY: Final = frozenset({429, 529})
"""529 is not registered; Anthropic and others use it for an overload."""
_PASSING: Final = frozenset({408, 409})
_LEAST_OF_SERVER: Final = 500
_UNKNOWN_HOST: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
_NO_QUOTA: Final = "insufficient_quota"
_NO_PICTURES: Final = (
    r"at most 0 image|not a (?:multimodal|vision) model|image input is not supported"
    r"|image_url is only supported by|support image input|does not support (?:image|vision)"
    r"|missing data required for image input"
)
_NO_MODEL: Final = (
    r"not a valid model|unknown model|invalid model\b|\bpinned to\b"
    r"|\bmodel\b.{0,80}\b(?:not found|not exist|not available|not loaded)"
)
"""Some servers answer 400 where others say 404."""

_Error = TypeVar("_Error", bound=BaseException)


class TooLongError(Exception):
    """The body of a reply is too long to be an answer."""


class ElsewhereError(Exception):
    """A redirect leads to another machine, which must not be asked; its host."""


def is_away(error: Exception) -> bool:
    """Whether the server is unreachable, which says nothing about the request."""
    if isinstance(error, RefusedError):
        return error.refusal.status in _AWAY
    import httpx2
    from openai import APIConnectionError

    if not isinstance(error, APIConnectionError) or _cause(error, ssl.SSLCertVerificationError) is not None:
        return False
    if (proxy := _cause(error, httpx2.ProxyError)) is not None:
        return _leading_status(proxy) >= _LEAST_OF_SERVER
    return isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout)


def is_busy(error: Exception) -> bool:
    """Whether the server has too many requests, of this or of other clients."""
    return isinstance(error, RefusedError) and error.refusal.status in _BUSY and not _is_out_of_quota(error.refusal)


def may_pass(error: Exception) -> bool:
    """Whether the same request may succeed if it is repeated."""
    if isinstance(error, RefusedError):
        return error.refusal.status in _PASSING or error.refusal.status >= _LEAST_OF_SERVER
    from openai import APIConnectionError

    return isinstance(error, APIConnectionError) and not _is_lost(error)


def retry_after(error: Exception) -> float | None:
    """Seconds to wait before a retry, as the server asks; None if it does not."""
    return error.refusal.wait_s if isinstance(error, RefusedError) else None


def why_unavailable(error: Exception, *, has_key: bool, proxy: ProxyVariable | None = None) -> str | None:
    """A clause on why the server cannot answer any request; None if it may answer others."""
    if isinstance(error, RefusedError):
        return _why_refused(error.refusal, has_key=has_key, proxy=proxy)
    return _why_no_connection(error, proxy)


def _why_refused(refusal: Refusal, *, has_key: bool, proxy: ProxyVariable | None) -> str | None:
    words = f"; it says {refusal.quote}" if refusal.quote else ""
    clause = None
    if refusal.status in (401, 403):
        cure = "the key in OPENAI_API_KEY is not accepted" if has_key else "set OPENAI_API_KEY"
        of_proxy = f", or the proxy that {proxy.name} names refuses: add the host to NO_PROXY" if proxy else ""
        clause = f"refuses access ({refusal.status}): {cure}{of_proxy}"
    elif refusal.status == 402:  # "Payment Required"
        clause = "wants to be paid first (402): check the account"
    elif refusal.status == 400 and re.search(_NO_MODEL, refusal.message, re.IGNORECASE):
        clause = "does not have this model (400): name one that it has"
    elif refusal.status in (404, 405):
        clause = f"does not have this model, or its address is wrong ({refusal.status}): most addresses end in /v1"
    elif refusal.status == 407:  # "Proxy Authentication Required"
        clause = f"cannot be reached: {_names(proxy)} wants a user name and a password (407)"
    elif _is_out_of_quota(refusal):
        clause = f"has no quota left for this key ({refusal.status}): check the account"
    elif re.search(_NO_PICTURES, refusal.message, re.IGNORECASE):
        clause = f"has a model that takes no pictures ({refusal.status}): name one that does"
    return clause and f"{clause}{words}"


def _why_no_connection(error: Exception, proxy: ProxyVariable | None) -> str | None:
    import httpx2

    if (refused := _cause(error, httpx2.ProxyError)) is not None:
        words = ascii(" ".join(str(refused).split())[:80])
        return f"cannot be reached: {_names(proxy)} refuses to connect to it, {words}" if not is_away(error) else None
    if (elsewhere := _cause(error, ElsewhereError)) is not None:
        host = ascii(str(elsewhere)[:80])
        return f"redirects requests to {host}, and --offline forbids the network: name a local server, or omit it"
    if (certificate := _cause(error, ssl.SSLCertVerificationError)) is not None:
        why = f"has a certificate that is not trusted ({certificate.verify_message})"
        return f"{why}: SSL_CERT_FILE may name that of its authority"
    if (tls := _cause(error, ssl.SSLError)) is not None:
        return f"does not speak TLS ({tls.reason}): does its address begin with http://?"
    if _is_lost(error):
        return "redirects requests in a circle, or to what is no server: check --annotator-url"
    return None


def is_unknown_host(error: Exception) -> bool:
    """Whether no host has the server's name, as far as this machine can find out now."""
    unknown = _cause(error, socket.gaierror)
    return unknown is not None and unknown.errno in _UNKNOWN_HOST


def why_failed(error: Exception) -> str:
    """A clause on why one segment has no answer."""
    match error:
        case TooLongError():
            return str(error)
        case TimeoutError():
            return "the server did not answer in time"
        case RefusedError():
            words = f": {error.refusal.quote}" if error.refusal.quote else ""
            verb = "answered" if error.refusal.status >= _LEAST_OF_SERVER else "refuses the request with"
            return f"the server {verb} {error.refusal.status}{words}"
    return f"the connection to the server broke off ({type(error.__cause__ or error).__name__})"


def _is_lost(error: Exception) -> bool:
    """Whether redirects lead nowhere."""
    import httpx2

    return _cause(error, httpx2.TooManyRedirects) is not None or _cause(error, httpx2.UnsupportedProtocol) is not None


def _is_out_of_quota(refusal: Refusal) -> bool:
    return _NO_QUOTA in (*refusal.code.split(), refusal.parameter)


def _names(proxy: ProxyVariable | None) -> str:
    return f"the proxy that {proxy.name} names" if proxy else "a proxy"


def _leading_status(error: Exception) -> int:
    """The HTTP status that a proxy's answer begins with; 0 if it begins with none."""
    found = re.match(r"\d{3}\b", str(error))
    return int(found[0]) if found else 0


def _cause(error: BaseException, kind: type[_Error]) -> _Error | None:
    """The nearest exception of a kind among an error and its causes."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, kind):
        seen = seen.__cause__ or seen.__context__
    return seen
