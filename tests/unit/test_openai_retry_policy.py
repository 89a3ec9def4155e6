"""How long a server that is away, busy or failing is tried, by a clock of the test's own."""

import pytest

from models.annotators.openai.refusal import RefusedError, refusal_in
from models.annotators.openai.retry_policy import TRIES, Outage, RetryPolicy


def error(status: int, **headers: str) -> RefusedError:
    refusal = refusal_in(status, "{}", {name.replace("_", "-"): value for name, value in headers.items()})
    assert refusal is not None
    return RefusedError(refusal)


class Clock:
    """Seconds that the test sets."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def policy(clock: Clock, wait_s: float = 60.0) -> RetryPolicy:
    return RetryPolicy(Outage("http://host/v1", wait_s, clock))


@pytest.mark.parametrize("status", [429, 502, 503, 529])
def test_away_or_busy_server_is_tried_until_the_time_is_over(status: int) -> None:
    clock = Clock()
    again = policy(clock)
    for clock.now_s in (0.0, 30.0, 59.0):
        assert again(error(status)) is True
    clock.now_s = 60.0
    assert again(error(status)) is False


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"Retry_After": "20"}, 20.0),
        ({"Retry_After": "0"}, 0.1),
        ({"retry_after_ms": "1500"}, 1.5),
        ({"x_ratelimit_reset_tokens": "40s"}, 40.0),
        ({"Retry_After": "61"}, False),
    ],
)
def test_wait_is_that_which_the_server_asks_for(headers: dict[str, str], wait_s: float) -> None:
    """A longer one than is left is not begun; none is shorter than a tenth of a second."""
    clock = Clock()
    again = policy(clock)
    assert again(error(429, **headers)) == wait_s
    clock.now_s = 45.0
    assert again(error(429, Retry_After="20")) is False


def test_server_that_answers_in_between_is_waited_for_anew() -> None:
    clock = Clock()
    outage = Outage("http://host/v1", 60.0, clock)
    assert RetryPolicy(outage)(error(503)) is True
    clock.now_s = 59.0
    outage.end()
    assert RetryPolicy(outage)(error(503)) is True
    clock.now_s = 100.0
    assert RetryPolicy(outage)(error(503)) is True


def test_failing_server_is_tried_a_few_times() -> None:
    """A fault is counted for its own request, whatever the clock says; a refusal that stands is not repeated."""
    again = policy(Clock())
    assert [again(error(500)) for _ in range(TRIES)] == [True] * (TRIES - 1) + [False]
    assert policy(Clock())(error(400)) is False


def test_what_is_hopeless_is_not_repeated() -> None:
    assert RetryPolicy(Outage("http://host/v1", 60.0, Clock()), lambda _: True)(error(503)) is False
