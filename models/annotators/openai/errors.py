"""Classifies failed requests to an OpenAI-compatible server: wait, retry, give up the segment, or give up all."""

from typing import TYPE_CHECKING, Final

from models.weights.retry_after import retry_after_s

if TYPE_CHECKING:
    from openai import APIStatusError

_AWAY: Final = frozenset({502, 503})
"""The server is not available: it loads its model, or a proxy has no server behind it."""
_PASSING: Final = frozenset({408, 409, 429})
_QUOTED_CHARS_MAX: Final = 200


class TooLongError(Exception):
    """The body of a reply is too long to be an answer."""


def is_away(error: Exception) -> bool:
    """Whether the server is unreachable, which says nothing about the request."""
    import httpx2
    from openai import APIConnectionError, APIStatusError

    match error:
        case APIStatusError():
            return error.status_code in _AWAY
        case APIConnectionError():
            return isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout)
    return False


def may_pass(error: Exception) -> bool:
    """Whether the same request may succeed if it is repeated."""
    from openai import APIConnectionError, APIStatusError

    if isinstance(error, APIStatusError):
        return error.status_code in _PASSING or error.status_code >= 500
    return isinstance(error, APIConnectionError)


def retry_after(error: Exception) -> float | None:
    """Seconds to wait before a retry, as the server asks; None if it does not."""
    from openai import APIStatusError

    return retry_after_s(error.response.headers) if isinstance(error, APIStatusError) else None


def why_unavailable(error: Exception, *, has_key: bool) -> str | None:
    """A clause on why the server cannot answer any request; None if it may answer others."""
    from openai import AuthenticationError, NotFoundError, PermissionDeniedError

    match error:
        case AuthenticationError() | PermissionDeniedError():
            cure = "the key in OPENAI_API_KEY is not accepted" if has_key else "set OPENAI_API_KEY"
            return f"refuses access ({error.status_code}): {cure}"
        case NotFoundError():
            return "does not have this model, or its address is wrong (404): most addresses end in /v1"
    return None


def why_failed(error: Exception) -> str:
    """A clause on why one segment has no answer."""
    from openai import APIStatusError

    match error:
        case TooLongError():
            return str(error)
        case TimeoutError():
            return "the server did not answer in time"
        case APIStatusError() if error.status_code in (400, 422):
            return (
                f"the server refuses the request ({error.status_code}: {_quoted(error)}): it must take "
                "response_format json_schema, this many pictures, and as many tokens"
            )
        case APIStatusError():
            return f"the server answered {error.status_code} {error.response.reason_phrase}"
    return f"the connection to the server broke off ({type(error.__cause__ or error).__name__})"


def _quoted(error: "APIStatusError") -> str:
    """The server's own words, harmless to print."""
    message = error.body.get("message") if isinstance(error.body, dict) else error.response.text
    return ascii(" ".join(str(message).split())[:_QUOTED_CHARS_MAX])
