"""A server's refusal of a request, whatever its form.

OpenAI and vLLM write ``{"error": {"message", "param", "code"}}``, FastAPI ``{"detail": [{"loc", "msg", "input"}]}``,
Ollama ``{"error": "words"}``, Gemini a list, proxies HTML or plain text; OpenRouter replies with status 200 and an
error in the body, or repeats a provider's own in ``metadata.raw``.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from models.annotators.response.form import json_integer
from models.weights.retry_after import retry_after_s

_QUOTED_CHARS_MAX: Final = 200
_OK: Final = 200
_LEAST_ERROR, _LAST_ERROR = 400, 599
_STATUS: Final = re.compile(r"[45][0-9]{2}")
_WORDS: Final = ("message", "detail", "error")
"""Fields in which servers say what is wrong, the most telling first."""
_UNSAID_ERROR: Final = 502
"""The status of an error in a body that names none: whatever the server relies on has failed."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a server did not answer a request."""

    status: int
    """HTTP status, or that in the body of a reply with status 200."""
    message: str = ""
    """The server's own words; of HTML nothing."""
    parameter: str = ""
    """The parameter that the server names; empty if it names none."""
    code: str = ""
    """What the server calls this kind of error: its code, its type, or both."""
    wait_s: float | None = None
    """Seconds to wait before the next request, as the server asks; None if it does not."""

    @property
    def quote(self) -> str:
        """The server's words, harmless to print; empty if there are none."""
        return ascii(" ".join(self.message.split())[:_QUOTED_CHARS_MAX]) if self.message else ""


class RefusedError(Exception):
    """A server did not answer a request."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.status} {refusal.quote}")
        self.refusal = refusal


def refusal_in(status: int, body: str, headers: Mapping[str, str]) -> Refusal | None:
    """The refusal that a reply is; None if it is none."""
    fields = _json(body)
    error = fields.get("error") or fields.get("errors")
    if status < _LEAST_ERROR and not error:
        return None
    error = error[0] if isinstance(error, list) and error else error
    details: dict[str, Any] = error if isinstance(error, dict) else fields
    codes = [str(details[name]) for name in ("code", "type") if details.get(name)]
    return Refusal(
        status=status if status != _OK else _status(details.get("code")),
        message=_words(error if isinstance(error, str) else details) or _plain_text(body),
        parameter=str(details.get("param") or ""),
        code=" ".join(codes),
        wait_s=retry_after_s(headers),
    )


def _json(body: str) -> dict[str, Any]:
    """The object that a body is, or that a list begins with (as Gemini's do); empty if there is none."""
    try:
        fields = json.loads(body.lstrip("\ufeff"), parse_int=json_integer)
    except (ValueError, RecursionError):
        return {}
    fields = fields[0] if isinstance(fields, list) and fields else fields
    return fields if isinstance(fields, dict) else {}


def _words(error: object, depth: int = 4) -> str:
    """The words of an error, at most so deep in it.

    Of FastAPI's they are the place and the message: ``input`` repeats the request, and may hold any word.
    """
    match error:
        case str():
            return error
        case list() | dict() if depth == 0:
            return ""
        case list():
            return "; ".join(words for each in error if (words := _words(each, depth - 1)))
        case {"loc": list(places), "msg": str(words)}:
            return f"{'.'.join(map(str, places))}: {words}"
        case dict():
            words = next((_words(error[name], depth - 1) for name in _WORDS if error.get(name)), "")
            metadata = error.get("metadata")
            raw = metadata.get("raw") if isinstance(metadata, dict) else None
            return f"{words}: {raw}" if isinstance(raw, str) else words
    return ""


def _plain_text(body: str) -> str:
    """A body that is neither JSON nor HTML."""
    return "" if body.lstrip("\ufeff \r\n\t")[:1] in ("<", "{", "[") else body


def _status(code: object) -> int:
    status = int(code) if isinstance(code, int) or (isinstance(code, str) and _STATUS.fullmatch(code)) else 0
    return status if _LEAST_ERROR <= status <= _LAST_ERROR else _UNSAID_ERROR
