"""The Hugging Face hub's client, configured once: limits on silence, retries, and log lines in the project's voice."""

import logging
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from models.weights.retry_after import LONGEST_WAIT_S, retry_after_s

if TYPE_CHECKING:
    import httpx2
    from stamina import Attempt

RepoType: TypeAlias = Literal["model", "dataset"]

_LOG = logging.getLogger(__name__)

ANSWERS_WITHIN_S: Final = 10.0
"""How long the hub may be silent while it answers, in seconds."""
ATTEMPTS: Final = 6
"""Attempts at one request; the waits between them double, from 0.1 s to 5 s."""
_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
_PARTIAL_CONTENT: Final = 206


class RangeIgnoredError(Exception):
    """A part of a file was requested, and the server sends something else."""


@lru_cache(maxsize=1)
def configure_client() -> None:
    """Configure ``huggingface_hub`` in this process: its own log lines are silenced, except those about waiting.

    Requests without a timeout get ``ANSWERS_WITHIN_S``: a hub that falls silent in a listing would otherwise be waited
    for without end. A server that ignores a range is refused before it sends the whole file.
    """
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils.logging import set_verbosity_error
    from stamina.instrumentation import set_on_retry_hooks

    set_on_retry_hooks(())
    set_verbosity_error()  # type: ignore[no-untyped-call]  # the client leaves it unannotated
    requests_log = logging.getLogger("huggingface_hub.utils._http")
    requests_log.setLevel(logging.WARNING)
    requests_log.propagate = False
    requests_log.handlers = [_RateLimitHandler()]
    set_client_factory(_make_client)


def attempts(*, connected: bool = False) -> "Iterator[Attempt]":
    """Contexts in which one request is repeated until it succeeds, or will not.

    Args:
        connected: Whether the hub has answered before; if it has not, an unreachable hub is not tried again.
    """
    import stamina

    connect_error = http_library().ConnectError

    def is_transient(error: Exception) -> bool | float:
        if isinstance(error, connect_error) and not connected:
            return False
        wait_s = worth_another_try(error)
        if not isinstance(wait_s, bool):
            _log_wait(wait_s)
        return wait_s

    configure_client()
    return iter(stamina.retry_context(is_transient, attempts=ATTEMPTS, timeout=None))


def worth_another_try(error: BaseException | None) -> bool | float:
    """Whether the same request may succeed later; the seconds to wait, where the hub names them.

    A hook for ``stamina``.
    """
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    if isinstance(error, LocalEntryNotFoundError):  # the client's wrapping
        return worth_another_try(error.__cause__)
    if not isinstance(error, HfHubHTTPError):
        return isinstance(error, http_library().TransportError)
    if error.response.status_code not in _PASSING:
        return False
    wait_s = requested_wait_s(error.response)
    return True if wait_s is None else wait_s <= LONGEST_WAIT_S and wait_s


def http_library() -> ModuleType:
    """The library whose errors ``huggingface_hub`` raises: ``httpx2`` since its version 2, ``httpx`` before."""
    from huggingface_hub.errors import HfHubHTTPError

    return import_module(HfHubHTTPError.__bases__[0].__module__)


def requested_wait_s(response: "httpx2.Response") -> float | None:
    """Seconds that a response asks the client to wait; None if it names none.

    It asks by ``Retry-After``, or as the hub does by ``RateLimit`` (draft-ietf-httpapi-ratelimit-headers).
    """
    from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined]  # the client exports lazily

    if (wait_s := retry_after_s(response.headers)) is not None:
        return wait_s
    limit = parse_ratelimit_headers(response.headers)
    return float(limit.reset_in_seconds) if limit is not None and limit.remaining == 0 else None


def _make_client() -> "httpx2.Client":
    from huggingface_hub.utils._http import default_client_factory

    client = default_client_factory()
    hooks = client.event_hooks
    client.event_hooks = {
        "request": [*hooks["request"], _limit_silence],
        "response": [*hooks["response"], _require_range],
    }
    return client


def _limit_silence(request: "httpx2.Request") -> None:
    timeouts = request.extensions.get("timeout", {})
    request.extensions["timeout"] = {
        name: ANSWERS_WITHIN_S if timeouts.get(name) is None else timeouts[name]
        for name in ("connect", "read", "write", "pool")
    }


def _require_range(response: "httpx2.Response") -> None:
    unit, _, bounds = response.request.headers.get("Range", "").partition("=")
    first, _, last = bounds.partition("-")
    if unit != "bytes" or not (first and last) or not response.is_success:
        return
    wanted_bytes = int(last) - int(first) + 1
    if response.status_code != _PARTIAL_CONTENT and int(response.headers.get("Content-Length", 0)) != wanted_bytes:
        raise RangeIgnoredError(f"{wanted_bytes} bytes were requested, and the server sends the whole file")


class _RateLimitHandler(logging.Handler):
    """Lets through only the client's notice that the hub asks it to wait; its other lines do not help the user."""

    def emit(self, record: logging.LogRecord) -> None:
        words = record.getMessage().split()  # "Rate limited. Waiting 4.0s before retry [Retry 1/5]."
        if words[:3] == ["Rate", "limited.", "Waiting"]:
            _log_wait(float(words[3].rstrip("s")))


def _log_wait(wait_s: float) -> None:
    _LOG.warning("the hub limits the rate of requests: trying again in %.0f s", wait_s)
