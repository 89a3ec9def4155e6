"""The time that a server asks to wait is read in every form that servers use."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from models.weights.retry_after import retry_after_s


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": " 0.25 "}, 0.25),
        ({"Retry-After": "1m30s"}, 90.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "9" * 400 + "s"}, None),
        ({"Retry-After": "Mon, 01 Jan 99999999999 00:00:00 GMT"}, None),
        ({"Retry-After": "9", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "20.5"}, 0.0205),
        ({"retry-after-ms": "soon", "Retry-After": "9"}, 9.0),
        ({"x-ratelimit-reset-tokens": "6ms"}, 0.006),
        ({"x-ratelimit-reset-requests": "1m30s"}, 90.0),
        ({"x-ratelimit-reset-requests": "2h0m1.5s"}, 7201.5),
        ({"x-ratelimit-reset-requests": "1d"}, 86400.0),
        ({"x-ratelimit-reset-requests": "12s", "x-ratelimit-reset-tokens": "3s"}, 3.0),
        (
            {
                "x-ratelimit-reset-requests": "12s",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-tokens": "3s",
                "x-ratelimit-remaining-tokens": "800",
            },
            12.0,
        ),
        ({"X-RateLimit-Reset": "5"}, 5.0),
        ({"RateLimit-Reset": "8"}, 8.0),
        ({"Retry-After": "4", "x-ratelimit-reset-requests": "1h"}, 4.0),
        ({"x-ratelimit-reset-tokens": "1 minute"}, None),
    ],
)
def test_forms_of_a_wait(headers: dict[str, str], wait_s: float | None) -> None:
    """Seconds, fractions, milliseconds and durations; what cannot be read is left out."""
    assert retry_after_s(headers) == (None if wait_s is None else pytest.approx(wait_s))


@pytest.mark.parametrize("later_s", [100_000, -100_000])
@pytest.mark.parametrize("form", ["http", "iso", "epoch", "epoch ms"])
def test_points_in_time(form: str, later_s: int) -> None:
    """An HTTP date, one of ISO 8601, and seconds or milliseconds since 1970; one in the past is no wait."""
    then = datetime.now(UTC) + timedelta(seconds=later_s)
    headers = {
        "http": {"Retry-After": format_datetime(then, usegmt=True)},
        "iso": {"x-ratelimit-reset-requests": then.isoformat()},
        "epoch": {"x-ratelimit-reset": str(int(then.timestamp()))},
        "epoch ms": {"x-ratelimit-reset": str(int(then.timestamp() * 1000))},
    }[form]
    wait_s = retry_after_s(headers)
    assert wait_s is not None
    assert 0 <= max(0, later_s) - wait_s < 10_000  # a test may take hours, not a day
