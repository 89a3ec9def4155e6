"""AnnotatorClient the hub again: which of its refusals pass, and how long to wait."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from models.weights.retry_after import LONGEST_WAIT_S, retry_after_s

if TYPE_CHECKING:
    import httpx2
    from stamina import Attempt

Kind: TypeAlias = Literal["model", "dataset"]

ATTEMPTS: Final = 6
"""How often one thing is asked for before it is given up; waiting doubles, 0.1 s to 5 s."""
_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})


def attempts(waiting: Callable[[float], None], *, connected: bool) -> "Iterator[Attempt]":
    """Contexts in which one thing is tried until it succeeds.

    Args:
        waiting: hears of seconds that the hub asks to wait.
        connected: the hub has answered before; if it has not, one that cannot be reached is not worth another try.
    """
    import httpx2
    import stamina
    from huggingface_hub.utils.logging import set_verbosity_error
    from stamina.instrumentation import set_on_retry_hooks

    def patience(error: Exception) -> bool | float:
        if isinstance(error, httpx2.ConnectError) and not connected:
            return False
        wait_s = worth_another_try(error)
        if not isinstance(wait_s, bool):
            waiting(wait_s)
        return wait_s

    # Neither's own words help anybody: "stamina.retry_scheduled", "HTTP Error 429 thrown while requesting GET ...".
    set_on_retry_hooks(())
    set_verbosity_error()  # type: ignore[no-untyped-call]  # the client leaves it unannotated
    return iter(stamina.retry_context(patience, attempts=ATTEMPTS, timeout=None))


def worth_another_try(error: Exception) -> bool | float:
    """Whether the same request may do better later; the seconds to wait, where the hub names them.

    A hook for ``stamina``.
    """
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    if not isinstance(error, HfHubHTTPError):
        return isinstance(error, httpx2.TransportError)
    if error.response.status_code not in _PASSING:
        return False
    wait_s = asked_wait_s(error.response)
    return True if wait_s is None else wait_s <= LONGEST_WAIT_S and wait_s


def asked_wait_s(response: "httpx2.Response") -> float | None:
    """Seconds that a response asks to wait; None if it asks for nothing.

    It asks by ``Retry-After``, or as the hub does by ``RateLimit`` (draft-ietf-httpapi-ratelimit-headers).
    """
    from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined]  # the client exports lazily

    if (wait_s := retry_after_s(response.headers)) is not None:
        return wait_s
    limit = parse_ratelimit_headers(response.headers)
    return float(limit.reset_in_seconds) if limit is not None and limit.remaining == 0 else None
