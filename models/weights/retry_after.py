"""The time that a busy server asks its clients to wait, in every form that is in use."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST_WAIT_S: Final = 300.0
"""A longer wait is not worth it: the request fails."""
_LIMITS: Final = ("requests", "tokens")
"""What OpenAI, Groq and others count a limit in: ``x-ratelimit-remaining-tokens``, ``x-ratelimit-reset-tokens``."""
_RESETS: Final = ("x-ratelimit-reset", "ratelimit-reset")
_EPOCH_LEAST_S: Final = 1_000_000_000.0
"""A number of seconds from here on is a point in time; from a thousand times as much on, one in milliseconds."""
_UNITS_S: Final = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|us|d|h|m|s)")


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that the headers of a reply ask to wait; None where they do not.

    In this order: ``retry-after-ms`` (OpenAI, Azure); ``Retry-After`` (RFC 9110, 10.2.3: seconds or a date; fractions
    occur, too); the reset of the limit that is used up, such as ``1m30s`` or ``6ms``, else the nearest one.
    """
    fields = {name.lower(): value.strip() for name, value in headers.items()}
    if (wait_ms := _seconds(fields.get("retry-after-ms", ""))) is not None:
        return wait_ms / 1000
    if (value := fields.get("retry-after")) and (wait_s := _seconds(value, or_date=True)) is not None:
        return wait_s
    resets = {name: _seconds(fields.get(f"x-ratelimit-reset-{name}", ""), or_date=True) for name in _LIMITS}
    known = {name: wait_s for name, wait_s in resets.items() if wait_s is not None}
    if used_up := [known[name] for name in known if fields.get(f"x-ratelimit-remaining-{name}") == "0"]:
        return max(used_up)
    others = (_seconds(fields.get(name, ""), or_date=True) for name in _RESETS)
    return min((*known.values(), *(wait_s for wait_s in others if wait_s is not None)), default=None)


def _seconds(value: str, *, or_date: bool = False) -> float | None:
    """Seconds from now in a number, a duration such as ``1m30s``, or a point in time."""
    if (duration_s := _duration_s(value)) is not None:
        return duration_s
    try:
        number = float(value)
    except ValueError:
        return _until(value) if or_date else None
    if not math.isfinite(number) or number < 0:
        return None
    if number < _EPOCH_LEAST_S:
        return number
    return max(0.0, (number if number < 1000 * _EPOCH_LEAST_S else number / 1000) - datetime.now(UTC).timestamp())


def _duration_s(value: str) -> float | None:
    if not value or _PART.sub("", value):
        return None
    duration_s = sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(value))
    return duration_s if math.isfinite(duration_s) else None


def _until(value: str) -> float | None:
    """Seconds until an HTTP date or one of ISO 8601."""
    try:
        then = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # OverflowError: a year that no clock shows
        try:
            then = datetime.fromisoformat(value)
        except ValueError:
            return None
    return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
